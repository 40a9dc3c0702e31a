// An OpenAI-compatible server: aimock speaks the protocol, json-schema-faker makes an answer from the schema that is asked
// for. `node model.mjs MODE -p PORT`; MODE is schema, prose (the schema is ignored, as small models do) or chaos.
import { LLMock } from '@copilotkit/aimock'
import jsf from 'json-schema-faker'

const [mode, , port] = process.argv.slice(2)
// The same answers in every run.
let seed = 7
jsf.option({
  alwaysFakeOptionals: true,
  maxItems: 2,
  maxLength: 40,
  random: () => (seed = (seed * 16807) % 2147483647) / 2147483647,
})

const mock = new LLMock({ port: Number(port), host: '127.0.0.1', logLevel: 'silent' })
mock.on({}, request => {
  const schema = request.response_format?.json_schema?.schema
  if (!schema) return { error: { message: 'no schema was asked for', type: 'invalid_request_error' }, status: 400 }
  if (mode === 'prose') return { content: 'Sure! Here is what I know about this brand: it is well known.' }
  return { content: JSON.stringify(jsf.generate(schema)) }
})
if (mode === 'chaos') {
  mock.setChaos({ dropRate: 0.04, malformedRate: 0.04, rateLimitRate: 0.08, disconnectRate: 0.04 })
}
await mock.start()
