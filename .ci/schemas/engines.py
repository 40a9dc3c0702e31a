"""One engine and one schema: `engines.py FILE ENGINE`, where the file has {schema, answers, vocabulary}, writes
{ms, mib, accepted} or {error}. `ms` are of the processor's time, `mib` what the peak of memory grew by, and `accepted` is
null where the engine cannot decide about answers."""

import json
import resource
import sys
import time
from base64 import b64decode


class Vocabulary:
    """Tokens as bytes; the last one ends the answer."""

    def __init__(self, path):
        with open(path) as file:
            self.tokens = [b64decode(token) for token in json.load(file)]
        # What works with characters knows only those that are tokens; the whole vocabulary has these too.
        letters = [chr(code).encode() for code in (*range(0xA0, 0x250), *range(0x600, 0x700), 0x200C)]
        known = set(self.tokens)
        self.tokens += [letter for letter in letters if letter not in known]
        self.ids = {token: number for number, token in enumerate(self.tokens)}
        self.end = len(self.tokens)
        self.longest = max(map(len, self.tokens))

    def encode(self, text):
        """The longest token that fits, again and again."""
        data, at, found = text.encode(), 0, []
        while at < len(data):
            for length in range(min(self.longest, len(data) - at), 0, -1):
                number = self.ids.get(data[at : at + length])
                if number is not None:
                    found.append(number)
                    at += length
                    break
            else:
                raise ValueError(f"no token for {data[at : at + 4]}")
        return found


def llguidance(schema, vocabulary):
    from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper

    class Source:
        eos_token_id = vocabulary.end
        bos_token_id = None
        tokens = vocabulary.tokens + [b"<end>"]
        special_token_ids = [vocabulary.end]

        def __call__(self, data):
            return vocabulary.encode(data.decode())

    tokenizer = LLTokenizer(TokenizerWrapper(Source()))

    def compile():
        grammar = LLMatcher.grammar_from_json_schema(json.dumps(schema))
        matcher = LLMatcher(tokenizer, grammar)
        if matcher.is_error():
            raise ValueError(matcher.get_error())
        matcher.compute_bitmask()
        return grammar

    def accepts(grammar, text):
        matcher = LLMatcher(tokenizer, grammar)
        tokens = vocabulary.encode(text)
        return matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting()

    return compile, accepts


def outlines_core(schema, vocabulary):
    from outlines_core import Guide, Index, Vocabulary, json_schema

    tokens = Vocabulary(vocabulary.end, {token: [number] for number, token in enumerate(vocabulary.tokens)})

    def compile():
        return Index(json_schema.build_regex_from_schema(json.dumps(schema)), tokens)

    def accepts(index, text):
        guide = Guide(index)
        if not guide.accepts_tokens(vocabulary.encode(text)):
            return False
        for token in vocabulary.encode(text):
            guide.advance(token, False)
        return index.is_final_state(guide.get_state())

    return compile, accepts


def lm_format_enforcer(schema, vocabulary):
    from lmformatenforcer import JsonSchemaParser, TokenEnforcer, TokenEnforcerTokenizerData

    texts = []
    for number, token in enumerate(vocabulary.tokens):
        try:
            texts.append((number, token.decode(), False))
        except UnicodeDecodeError:
            pass  # It works with characters.
    decode = lambda ids: b"".join(vocabulary.tokens[i] for i in ids if i < vocabulary.end).decode(errors="replace")
    data = TokenEnforcerTokenizerData(texts, decode, vocabulary.end, False, vocabulary.end + 1)

    def compile():
        enforcer = TokenEnforcer(data, JsonSchemaParser(schema))
        enforcer.get_allowed_tokens([])
        return enforcer

    def accepts(enforcer, text):
        parser = enforcer.root_parser
        for character in text:
            if character not in parser.get_allowed_characters():
                return False
            parser = parser.add_character(character)
        return parser.can_end()

    return compile, accepts


def anthropic_sdk(schema, _):
    from anthropic import transform_schema

    def plain(schema):
        """Without what is said twice: enumerated values show their type."""
        if isinstance(schema, list):
            return [plain(one) for one in schema]
        if not isinstance(schema, dict):
            return schema
        twice = "type" if "enum" in schema else None
        return {name: plain(value) for name, value in schema.items() if name != twice}

    def compile():
        sent = transform_schema(schema)
        if plain(sent) != plain(schema):
            raise ValueError(f"the helper changes the schema to {json.dumps(sent)[:400]}")

    return compile, None


def google_genai(schema, _):
    from google import genai
    from google.genai import _transformers, types

    client = genai.Client(api_key="none")

    def names(schema):
        inner = list((schema.get("properties") or {}).values()) + [schema.get("items") or {}]
        return sorted(schema.get("properties") or {}), schema.get("enum"), [names(one) for one in inner if one]

    def compile():
        sent = _transformers.t_schema(client._api_client, json.loads(json.dumps(schema)))
        converted = types.Schema.from_json_schema(json_schema=types.JSONSchema.model_validate(schema))
        for made in (sent, converted):
            shown = made.model_dump(mode="json", exclude_none=True)
            if names(shown) != names(schema):
                raise ValueError("the helper loses properties or enumerated values")
            if "nullable" in json.dumps(shown):
                raise ValueError("the helper makes a value nullable")

    return compile, None


ENGINES = {
    "llguidance": llguidance,
    "outlines-core": outlines_core,
    "lm-format-enforcer": lm_format_enforcer,
    "anthropic": anthropic_sdk,
    "google-genai": google_genai,
}


def main():
    with open(sys.argv[1]) as file:
        asked = json.load(file)
    result = {}
    try:
        compile, accepts = ENGINES[sys.argv[2]](asked["schema"], Vocabulary(asked["vocabulary"]))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.process_time()
        compiled = compile()
        result["ms"] = (time.process_time() - began) * 1000
        result["mib"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        result["accepted"] = accepts and [accepts(compiled, text) for text in asked["answers"]]
    except Exception as error:  # Each engine has errors of its own; all of them are refusals.
        result = {"error": f"{type(error).__name__}: {error}"[:600]}
    print(json.dumps(result))


main()
