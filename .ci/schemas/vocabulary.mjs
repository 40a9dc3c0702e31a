// Writes the first tokens of o200k_base, in base64: `node vocabulary.mjs COUNT FILE`. The first 256 are single bytes.
import { writeFileSync } from "node:fs";
import ranks from "gpt-tokenizer/bpeRanks/o200k_base";

const [count, file] = process.argv.slice(2);
const tokens = ranks.slice(0, Number(count)).map((token) => Buffer.from(token).toString("base64"));
writeFileSync(file, JSON.stringify(tokens));
