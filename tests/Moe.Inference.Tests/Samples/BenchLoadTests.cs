using Moe.Inference.Tests.Gguf;

namespace Moe.Inference.Tests.Samples;

public class BenchLoadTests
{
    [Fact]
    public async Task Loading_is_timed_beside_the_file_and_the_link()
    {
        using TemporaryFolder folder = new();
        await BenchProgram.OutputAsync("synth", "tiny", folder["tiny.gguf"]);
        string output = await BenchProgram.OutputAsync("load", folder["tiny.gguf"], "--devices", "SIM0", "-ngl", "99", "-r", "2");
        output.Should().MatchRegex(@"^file .* GB in \d+ tensors; read by 1 thread [\d.]+ GB/s").And.MatchRegex(@"\nlink   to SIM0 .* [\d.]+ GB/s\n").And.MatchRegex(@"\n1 +\d+ .*\n2 +\d+ .*\n$");
        (await BenchProgram.OutputAsync("load", folder["tiny.gguf"], "-r", "1")).Should().NotContain("link").And.MatchRegex(@"\n1 +\d+ .*\n$");
    }
}
