// llama.cpp as the package node-llama-cpp of the working folder brings it. Arguments: one JSON object {file, threads, prompt, generate, depth}.
// Says {"version", "load_seconds"} when it is ready; answers each line "prompt" or "generate" with {"seconds"}; ends when its input ends.
import {createInterface} from "node:readline";
import {readFileSync} from "node:fs";

// The package starts itself anew to try its binaries; this script is no part of that.
process.execArgv.splice(0);
const say = message => process.stdout.write(JSON.stringify(message) + "\n");
const settings = JSON.parse(process.argv[1]);
const {getLlama} = await import("node-llama-cpp");
const {version} = JSON.parse(readFileSync("node_modules/node-llama-cpp/package.json", "utf8"));

const llama = await getLlama({gpu: false, build: "never", maxThreads: settings.threads, logLevel: "error"});
const start = performance.now();
const model = await llama.loadModel({modelPath: settings.file});
const context = await model.createContext({
    contextSize: settings.depth + Math.max(settings.prompt, settings.generate) + 64,
    batchSize: Math.max(settings.prompt, 512),
    threads: settings.threads,
    flashAttention: true,
});
const sequence = context.getSequence();
say({version, load_seconds: (performance.now() - start) / 1000});

const vocabulary = model.fileInfo.metadata.tokenizer.ggml.tokens.length;
let state = 1;
const randomToken = () => (state = (state * 1103515245 + 12345) % 2147483648) % vocabulary;
const randomTokens = count => Array.from({length: count}, randomToken);

// What a conversation holds beforehand is computed once and kept.
async function rewind() {
    const held = sequence.nextTokenIndex;
    if (held > settings.depth)
        await sequence.eraseContextTokenRanges([{start: settings.depth, end: held}]);
    else if (held < settings.depth)
        await sequence.evaluateWithoutGeneratingNewTokens(randomTokens(settings.depth - held));
}

async function prompt() {
    await rewind();
    const tokens = randomTokens(settings.prompt);
    const begun = performance.now();
    await sequence.evaluateWithoutGeneratingNewTokens(tokens);
    return performance.now() - begun;
}

// The first token comes from a prompt of one; those after it are timed.
async function generate() {
    await rewind();
    let count = 0, begun = 0, milliseconds = 0;
    for await (const _ of sequence.evaluate(randomTokens(1), {temperature: 0, yieldEogToken: true})) {
        if (count === 0)
            begun = performance.now();
        milliseconds = performance.now() - begun;
        if (count++ === settings.generate)
            return milliseconds;
    }
    throw new Error(`the peer ended after ${count} tokens`);
}

for await (const line of createInterface({input: process.stdin}))
    say({seconds: await (line === "prompt" ? prompt() : generate()) / 1000});
await llama.dispose();
