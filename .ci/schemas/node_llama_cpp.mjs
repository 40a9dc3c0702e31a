// Makes a grammar of a schema with node-llama-cpp, as llama.cpp compiles it, and tries answers with it. The file
// that is named has {schema, answers: [text]}; it writes {ms, mib, accepted: [boolean]} or {error}.
import { readFileSync } from "node:fs";
import { getLlama, LlamaJsonSchemaGrammar } from "node-llama-cpp";

const { schema, answers } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const llama = await getLlama({ gpu: false, build: "never", progressLogs: false, logLevel: "disabled" });
const before = process.resourceUsage().maxRSS;
const began = process.cpuUsage();
let result;
try {
  const grammar = new LlamaJsonSchemaGrammar(llama, schema);
  const { user, system } = process.cpuUsage(began);
  const mib = (process.resourceUsage().maxRSS - before) / 1024;
  const fits = (text) => {
    // Its grammars end with four line breaks.
    if (!grammar._testText(`${text}\n\n\n\n`)) return false;
    try {
      grammar.parse(text);
      return true;
    } catch {
      return false;
    }
  };
  result = { ms: (user + system) / 1000, mib, accepted: answers.map(fits) };
} catch (error) {
  result = { error: String(error.message ?? error) };
}
console.log(JSON.stringify(result));
process.exit(0);
