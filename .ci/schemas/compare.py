"""Compiles the schemas in a folder with every engine, prints what it took, and fails where one does not take a schema or
does not tell right answers from wrong ones: `compare.py WORK SCHEMAS`."""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from answers import examples

HERE = Path(__file__).resolve().parent
# Of a processor's time: ten times what the slowest engine takes, and less than a schema needs that grows out of hand.
MOST_MS = 5_000
# Beside the vocabulary.
MOST_MIB = 256
# How many tokens of o200k_base, from the first.
TOKENS = 32_000
PYTHON = ["llguidance", "outlines-core", "lm-format-enforcer", "anthropic", "google-genai"]
# What has to be refused or fail, so that the checks are known to be able to: a nullable object, which most engines
# lose.
NULLABLE = {
    "type": "object",
    "properties": {
        "fact": {
            "type": ["object", "null"],
            "properties": {"value": {"type": "string"}},
            "required": ["value"],
            "additionalProperties": False,
        }
    },
    "required": ["fact"],
    "additionalProperties": False,
}


class Engines:
    def __init__(self, work):
        self.work = work
        self.vocabulary = work / "vocabulary.json"
        subprocess.run(["node", work / "vocabulary.mjs", str(TOKENS), self.vocabulary], cwd=work, check=True)

    def names(self):
        return [*PYTHON, "node-llama-cpp"]

    def version(self, name):
        if name in PYTHON:
            return version(name)
        package = self.work / "node_modules" / name / "package.json"
        return json.loads(package.read_text())["version"]

    def ask(self, name, schema, answers):
        asked = self.work / "asked.json"
        asked.write_text(json.dumps({"schema": schema, "answers": answers, "vocabulary": str(self.vocabulary)}))
        command = ["node", self.work / "node_llama_cpp.mjs", asked]
        if name in PYTHON:
            command = [sys.executable, HERE / "engines.py", asked, name]
        try:
            run = subprocess.run(command, capture_output=True, text=True, cwd=self.work, timeout=120)
        except subprocess.TimeoutExpired:
            return {"error": "no end within two minutes"}
        try:
            return json.loads(run.stdout)
        except ValueError:
            return {"error": f"exit {run.returncode}: {run.stderr.strip()[-400:]}"}


def problems(result, tried):
    """What is wrong with what an engine made of a schema."""
    if "error" in result:
        return [result["error"]]
    found = []
    if result["ms"] > MOST_MS:
        found.append(f"compiling takes {result['ms']:.0f} ms, more than {MOST_MS}")
    if result["mib"] > MOST_MIB:
        found.append(f"compiling takes {result['mib']:.0f} MiB, more than {MOST_MIB}")
    for (what, _, right), accepted in zip(tried, result["accepted"] or []):
        if accepted != right:
            found.append(f"{what} is {'accepted' if accepted else 'refused'}")
    return found


def main():
    work, folder = (Path(name).resolve() for name in sys.argv[1:])
    engines = Engines(work)
    schemas = {name: json.loads((folder / f"{name}.json").read_text()) for name in ("analyst", "strategist")}
    failed = []
    print(f"{'engine':<20}{'version':<10}{'analyst':>12}{'':>12}{'strategist':>12}")
    for engine in engines.names():
        cells = []
        for name, schema in schemas.items():
            tried = examples(schema)
            result = engines.ask(engine, schema, [text for _, text, _ in tried])
            failed += [f"{engine}, {name}: {problem}" for problem in problems(result, tried)]
            cells.append(f"{result['ms']:>9.1f} ms{result['mib']:>8.0f} MiB" if "ms" in result else f"{'failed':>12}{'':>12}")
        print(f"{engine:<20}{engines.version(engine):<10}{''.join(cells)}")
    tried = examples(NULLABLE)
    for engine in ("lm-format-enforcer", "anthropic", "google-genai", "node-llama-cpp"):
        if not problems(engines.ask(engine, NULLABLE, [text for _, text, _ in tried]), tried):
            failed.append(f"{engine}: a nullable object is taken now; choose another schema that shows a failure")
    for problem in failed:
        print(problem, file=sys.stderr)
    sys.exit(bool(failed))


main()
