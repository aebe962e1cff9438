// Does what programs do with the npm package `openai`, and prints what happened as one JSON object.
// Arguments: URL of the API, key.
import OpenAI from "openai";

const [baseURL, apiKey] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const messages = [{ role: "user", content: "hi" }];
const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const refused = async (call) => {
  try {
    await call();
    return "answered";
  } catch (error) {
    return { name: error.constructor.name, status: error.status, code: error.code, message: error.message };
  }
};
const result = {};

const listed = [];
for await (const model of client.models.list()) listed.push(model.id);
result.listed = listed;
result.retrieved = (await client.models.retrieve("native.good")).id;

const whole = await client.chat.completions.create({ model: "good", messages });
result.chat = whole.choices[0].message.content;
result.streamed = "";
for await (const chunk of await client.chat.completions.create({ model: "good", messages, stream: true })) {
  result.streamed += chunk.choices[0]?.delta?.content ?? "";
}
const tools = [{ type: "function", function: { name: "weather", parameters: schema } }];
const called = client.chat.completions.stream({ model: "tool-user", messages, tools });
result.toolCalls = (await called.finalChatCompletion()).choices[0].message.tool_calls.map((one) => one.function.arguments);

const image = { type: "input_image", image_url: "data:image/png;base64,AAAA", detail: "auto" };
result.responses = {};
for (const model of ["good", "native.good"]) {
  const input = [{ role: "user", content: [{ type: "input_text", text: "hi" }, image] }];
  const response = await client.responses.create({ model, input });
  const stream = client.responses.stream({ model, input: "hi" });
  let text = "";
  stream.on("response.output_text.delta", (event) => (text += event.delta));
  const final = await stream.finalResponse();
  result.responses[model] = [response.output_text, text, final.output_text];
}
const asked = { model: "tool-user", input: "Where?", tools: [{ type: "function", name: "weather", parameters: schema, strict: true }] };
result.items = (await client.responses.stream(asked).finalResponse()).output.map((item) => item.type);

const embeddings = await client.embeddings.create({ model: "good", input: ["a", "bcd"], dimensions: 2 });
result.embeddings = embeddings.data.map((one) => [...one.embedding]);

const wrong = new OpenAI({ baseURL, apiKey: "sk-wrong", maxRetries: 0 });
result.wrongKey = await refused(() => wrong.chat.completions.create({ model: "good", messages }));
result.unknown = [
  await refused(() => client.chat.completions.create({ model: "absent", messages })),
  await refused(() => client.responses.create({ model: "absent", input: "hi" })),
  await refused(() => client.embeddings.create({ model: "absent", input: "hi" })),
  await refused(() => client.models.retrieve("absent/model")),
];
result.brokeOff = await refused(async () => {
  for await (const _ of await client.chat.completions.create({ model: "cut", messages, stream: true }));
});
console.log(JSON.stringify(result));
