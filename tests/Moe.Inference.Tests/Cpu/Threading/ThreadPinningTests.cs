using Moe.Inference.Cpu.Threading;

namespace Moe.Inference.Tests.Cpu.Threading;

public class ThreadPinningTests
{
    private static readonly int[][] Siblings = [[0, 8], [1, 9], [2, 10], [3, 11], [4, 12], [5, 13], [6, 14], [7, 15]];
    private static readonly NumaNode[] TwoNodes = [new(0, [0, 1, 2, 3, 8, 9, 10, 11], true), new(1, [4, 5, 6, 7, 12, 13, 14, 15], true)];

    [Theory]
    [InlineData(4, "0-15", "0,1,2,3")]
    [InlineData(8, "0-15", "0,1,2,3,4,5,6,7")]
    [InlineData(10, "0-15", "0,1,2,3,4,5,6,7,8,9")] // second processors of cores come last
    [InlineData(3, "1,9,10,12", "1,10,12")]
    [InlineData(4, "1,9,10,12", "1,10,12,9")]
    [InlineData(5, "1,9,10,12", null)]
    [InlineData(2, "20,21", "20,21")] // cores that nobody describes
    public void Threads_get_a_core_each(int threads, string allowed, string? expected) =>
        ThreadPinning.Spread(threads, ProcessorList.Parse(allowed), Siblings, []).Should().Equal(expected is null ? null : ProcessorList.Parse(expected));

    [Theory]
    [InlineData(4, "0-15", "0,4,1,5")]
    [InlineData(10, "0-15", "0,4,1,5,2,6,3,7,8,12")]
    [InlineData(3, "0-3,4", "0,4,1")]
    public void Nodes_take_turns(int threads, string allowed, string expected) =>
        ThreadPinning.Spread(threads, ProcessorList.Parse(allowed), Siblings, TwoNodes).Should().Equal(ProcessorList.Parse(expected));

    [SkippableFact]
    public void A_thread_is_bound_and_those_it_starts_are_not()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "it looks at /proc");
        IReadOnlyList<int> allowed = ThreadPinning.Allowed!;
        (string own, string started) = ("", "");
        string? refusal = null;
        Thread thread = new(() =>
        {
            refusal = ThreadPinning.Pin(allowed[^1]);
            own = AllowedNow();
            Thread child = new(() => started = AllowedNow());
            child.Start();
            child.Join();
        });
        thread.Start();
        thread.Join();
        refusal.Should().BeNull();
        own.Should().Be($"{allowed[^1]}");
        started.Should().Be(ProcessorList.Text(allowed));
    }

    [SkippableFact]
    public void A_processor_that_is_not_there_is_refused()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "numbers beyond 64 are Linux's");
        ThreadPinning.Pin(8000).Should().NotBeNullOrEmpty();
    }

    [Theory]
    [InlineData("none")]
    [InlineData("cores")]
    [InlineData("0-3,8")]
    public void Affinities_are_read_and_written(string text) => ThreadAffinity.Parse(text).ToString().Should().Be(text);

    [Theory]
    [InlineData("")]
    [InlineData("all")]
    [InlineData("0,0")]
    [InlineData("2-1")]
    [InlineData("0-70000")]
    public void Affinities_that_make_no_sense_are_refused(string text) => FluentActions.Invoking(() => ThreadAffinity.Parse(text)).Should().Throw<FormatException>();

    [Fact]
    public void Processors_are_taken_in_their_order_and_others_refused()
    {
        ThreadAffinity affinity = ThreadAffinity.Processors(9, 0, 3);
        affinity.Resolve(2, Enumerable.Range(0, 16).ToArray(), Siblings, []).Should().Equal(9, 0);
        FluentActions.Invoking(() => affinity.Resolve(4, Enumerable.Range(0, 16).ToArray(), Siblings, [])).Should().Throw<ArgumentOutOfRangeException>().WithMessage("4 threads are more than the 3 processors*");
        FluentActions.Invoking(() => affinity.Resolve(1, [0, 3], Siblings, [])).Should().Throw<ArgumentOutOfRangeException>().WithMessage("processor 9 is not among those that the process may use (0,3)*");
        FluentActions.Invoking(() => affinity.Resolve(1, null, [], [])).Should().Throw<PlatformNotSupportedException>();
        FluentActions.Invoking(() => ThreadAffinity.Processors()).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => ThreadAffinity.Processors(-1)).Should().Throw<ArgumentOutOfRangeException>();
    }

    private static string AllowedNow() => File.ReadLines("/proc/thread-self/status").First(line => line.StartsWith("Cpus_allowed_list:", StringComparison.Ordinal)).Split(':')[1].Trim();
}
