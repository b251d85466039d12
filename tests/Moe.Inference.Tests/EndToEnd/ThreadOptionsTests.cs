using Moe.Inference.Cpu.Threading;

namespace Moe.Inference.Tests.EndToEnd;

public sealed class ThreadOptionsTests : IDisposable
{
    private readonly Model _model = Model.Load(TestModels.Shipped, new ModelOptions { Numa = NumaPolicy.Interleave });

    [Theory]
    [InlineData(1, 3)]
    [InlineData(4, 1)]
    [InlineData(3, 2)]
    public async Task Logits_are_those_of_one_thread(int generation, int prompts)
    {
        int[] tokens = TestModels.StoryTokens(_model, 60);
        float[][] one = await LogitsAsync(new ContextOptions { Threads = 1 }, tokens);
        float[][] several = await LogitsAsync(new ContextOptions { Threading = new ThreadOptions { Generation = generation, Prompts = prompts } }, tokens);
        several.Should().HaveCount(one.Length);
        for (int i = 0; i < one.Length; i++)
            several[i].Should().Equal(one[i], "token {0}", i);
    }

    [Fact]
    public void Runs_of_a_few_tokens_have_their_own_number_of_threads()
    {
        ThreadCounts counts = new ContextOptions { Threads = 5, Threading = new ThreadOptions { Generation = 2 } }.ResolveThreads();
        counts.Should().Be(new ThreadCounts(2, 5));
        counts.For(new(1, 1, 1, 1)).Should().Be(2);
        counts.For(new(ThreadCounts.MostGenerated, 1, 1, 1)).Should().Be(2);
        counts.For(new(ThreadCounts.MostGenerated + 1, 1, 1, 1)).Should().Be(5);
        new ContextOptions { Threading = new ThreadOptions { Affinity = ThreadAffinity.Processors(0, 1, 2) } }.ResolveThreads().Most.Should().Be(3);
        new ContextOptions().ResolveThreads().Should().Be(new ThreadCounts(PhysicalCores.Usable, PhysicalCores.Usable));
    }

    [SkippableFact]
    public async Task Threads_are_bound_to_the_processors_that_were_named()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "it looks at /proc");
        IReadOnlyList<int> allowed = ThreadPinning.Allowed!;
        Skip.If(allowed.Count < 2, "bound and floating threads look alike on one processor");
        using Context context = _model.CreateContext(new ContextOptions { ContextLength = 64, Threading = new ThreadOptions { Affinity = ThreadAffinity.Processors(allowed[1], allowed[0]) } });
        using Session session = context.CreateSession();
        await TestModels.LogitsOf(session, TestModels.StoryTokens(_model, 20));
        Bound("moe-engine").Should().Contain($"{allowed[1]}");
        Bound("moe-worker-1").Should().Contain($"{allowed[0]}");
    }

    public void Dispose() => _model.Dispose();

    private static List<string> Bound(string name)
    {
        List<string> lists = [];
        foreach (string task in Directory.GetDirectories("/proc/self/task"))
        {
            try
            {
                Dictionary<string, string> status = File.ReadLines(Path.Combine(task, "status")).Select(line => line.Split(':', 2)).ToDictionary(pair => pair[0], pair => pair[1].Trim());
                if (status["Name"] == name)
                    lists.Add(status["Cpus_allowed_list"]);
            }
            catch (IOException)
            {
                // The thread has ended meanwhile.
            }
        }

        return lists;
    }

    private async Task<float[][]> LogitsAsync(ContextOptions options, int[] tokens)
    {
        using Context context = _model.CreateContext(options with { ContextLength = 128 });
        using Session session = context.CreateSession();
        return await TestModels.LogitsOf(session, tokens, 40, 1, 1, 10, 8);
    }
}
