// llama.cpp as the package node-llama-cpp of the working folder brings it. Arguments: one JSON object {file, threads, prompt, generate,
// depth, parallel}.
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
    sequences: settings.parallel,
});
const sequences = Array.from({length: settings.parallel}, () => context.getSequence());
say({version, load_seconds: (performance.now() - start) / 1000});

const vocabulary = model.fileInfo.metadata.tokenizer.ggml.tokens.length;
let state = 1;
const randomToken = () => (state = (state * 1103515245 + 12345) % 2147483648) % vocabulary;
const randomTokens = count => Array.from({length: count}, randomToken);

// What a conversation holds beforehand is computed once and kept.
async function rewind(sequence) {
    const held = sequence.nextTokenIndex;
    if (held > settings.depth)
        await sequence.eraseContextTokenRanges([{start: settings.depth, end: held}]);
    else if (held < settings.depth)
        await sequence.evaluateWithoutGeneratingNewTokens(randomTokens(settings.depth - held));
}

async function prompt() {
    const [sequence] = sequences;
    await rewind(sequence);
    const tokens = randomTokens(settings.prompt);
    const begun = performance.now();
    await sequence.evaluateWithoutGeneratingNewTokens(tokens);
    return performance.now() - begun;
}

// The first tokens come from prompts of one; those after them are timed, of all conversations together.
async function generate() {
    for (const sequence of sequences)
        await rewind(sequence);
    const all = sequences.map(sequence => sequence.evaluate(randomTokens(1), {temperature: 0, yieldEogToken: true}));
    await Promise.all(all.map(tokens => next(tokens, 0)));
    const begun = performance.now();
    await Promise.all(all.map(async tokens => {
        for (let count = 1; count <= settings.generate; count++)
            await next(tokens, count);
    }));
    const milliseconds = performance.now() - begun;
    await Promise.all(all.map(tokens => tokens.return()));
    return milliseconds;
}

async function next(tokens, count) {
    if ((await tokens.next()).done)
        throw new Error(`the peer ended after ${count} tokens`);
}

for await (const line of createInterface({input: process.stdin}))
    say({seconds: await (line === "prompt" ? prompt() : generate()) / 1000});
await llama.dispose();
