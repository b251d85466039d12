using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;
using Moe.Inference.Tests.Gguf;

namespace Moe.Inference.Tests.Samples;

/// <summary>Comparison with a stand-in for the peer's package, which answers at once.</summary>
public class BenchCompareTests
{
    private const string Package = """
        function sequence() {
            let held = 0;
            return {
                get nextTokenIndex() { return held; },
                async eraseContextTokenRanges([{start}]) { held = start; },
                async evaluateWithoutGeneratingNewTokens(tokens) { held += tokens.length; },
                async *evaluate(tokens) { held += tokens.length; for (let i = 0; i < LIMIT; i++) { held++; yield i; } },
            };
        }
        export async function getLlama() {
            return {
                async loadModel() {
                    return {
                        fileInfo: {metadata: {tokenizer: {ggml: {tokens: ["a", "b"]}}}},
                        async createContext({sequences}) { return {getSequence: () => { if (sequences-- <= 0) throw new Error("no sequence left"); return sequence(); }}; },
                    };
                },
                async dispose() {},
            };
        }
        """;

    [SkippableFact]
    public async Task Both_are_measured_in_turn()
    {
        SkipWithoutNode();
        using TemporaryFolder folder = new();
        string model = await PrepareAsync(folder, most: 100);
        JsonElement report = await BenchProgram.JsonAsync("compare", model, "--peer", folder[""], "-p", "16", "-n", "4", "-d", "5", "-r", "3", "-t", "1", "--json");
        report.GetProperty("peer").GetString().Should().Be("node-llama-cpp 1.2.3");
        JsonElement[] figures = [.. report.GetProperty("figures").EnumerateArray()];
        figures.Select(figure => figure.GetProperty("measure").GetString()).Should().Equal("prompt of 16 after 5", "generation of 4 after 5");
        foreach (JsonElement figure in figures)
        {
            double[] Speeds(string whose) => [.. figure.GetProperty(whose).GetProperty("runs").EnumerateArray().Select(run => run.GetDouble())];
            Speeds("ratios").Should().Equal(Speeds("ours").Zip(Speeds("peer"), (ours, peer) => ours / peer)).And.HaveCount(3).And.OnlyContain(ratio => ratio > 0);
        }
    }

    [SkippableFact]
    public async Task A_table_names_the_measures()
    {
        SkipWithoutNode();
        using TemporaryFolder folder = new();
        string model = await PrepareAsync(folder, most: 100);
        string text = await BenchProgram.OutputAsync("compare", model, "--peer", folder[""], "-p", "0", "-n", "4", "-r", "1", "-t", "1");
        text.Should().Contain("generation of 4").And.Contain("node-llama-cpp 1.2.3").And.NotContain("prompt of");
    }

    [SkippableFact]
    public async Task Several_conversations_generate_at_once()
    {
        SkipWithoutNode();
        using TemporaryFolder folder = new();
        string model = await PrepareAsync(folder, most: 100);
        JsonElement report = await BenchProgram.JsonAsync("compare", model, "--peer", folder[""], "-p", "0", "-n", "4", "--parallel", "3", "-r", "1", "-t", "1", "--json");
        JsonElement figure = report.GetProperty("figures").EnumerateArray().Single();
        figure.GetProperty("measure").GetString().Should().Be("generation of 3 × 4");
        figure.GetProperty("ours").GetProperty("tokens").GetInt32().Should().Be(12);
    }

    [SkippableFact]
    public async Task A_peer_that_ends_early_is_an_error()
    {
        SkipWithoutNode();
        using TemporaryFolder folder = new();
        string model = await PrepareAsync(folder, most: 2);
        (int exitCode, string _, string error) = await BenchProgram.RunAsync("compare", model, "--peer", folder[""], "-p", "0", "-n", "4", "-r", "1", "-t", "1");
        exitCode.Should().Be(1);
        error.Should().Contain("the peer ended after 2 tokens");
    }

    [Fact]
    public async Task A_folder_without_the_peer_is_wrong_usage()
    {
        using TemporaryFolder folder = new();
        await BenchProgram.OutputAsync("synth", "tiny", folder["tiny.gguf"]);
        (int exitCode, string _, string error) = await BenchProgram.RunAsync("compare", folder["tiny.gguf"], "--peer", folder[""]);
        exitCode.Should().Be(2);
        error.Should().Contain("npm install --ignore-scripts node-llama-cpp");
    }

    private static async Task<string> PrepareAsync(TemporaryFolder folder, int most)
    {
        string package = folder["node_modules/node-llama-cpp"];
        Directory.CreateDirectory(package);
        await File.WriteAllTextAsync(Path.Combine(package, "package.json"), """{"name": "node-llama-cpp", "version": "1.2.3", "type": "module", "main": "index.js"}""");
        await File.WriteAllTextAsync(Path.Combine(package, "index.js"), Package.Replace("LIMIT", $"{most}", StringComparison.Ordinal));
        await BenchProgram.OutputAsync("synth", "tiny", folder["tiny.gguf"]);
        return folder["tiny.gguf"];
    }

    private static void SkipWithoutNode()
    {
        try
        {
            using Process node = Process.Start(new ProcessStartInfo("node", ["--version"]) { RedirectStandardOutput = true })!;
            node.WaitForExit();
        }
        catch (Win32Exception)
        {
            Skip.If(true, "there is no Node.js");
        }
    }
}
