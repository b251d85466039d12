using Moe.Inference.Cpu.Threading;

namespace Moe.Inference.Tests.Cpu.Threading;

public sealed class PhysicalCoresTests : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("cores");

    [Fact]
    public void Siblings_count_once()
    {
        foreach ((int processor, string siblings) in new[] { (0, "0,4\n"), (1, "1,5\n"), (4, "0,4\n"), (2, "2\n"), (3, "3\n"), (5, "1,5\n") })
            Describe(processor, siblings);
        PhysicalCores.Read(_root.FullName).Should().BeEquivalentTo((int[][])[[0, 4], [1, 5], [2], [3]], options => options.WithStrictOrdering());
    }

    [Fact]
    public void A_processor_that_is_off_does_not_count()
    {
        Describe(0, "0\n");
        Directory.CreateDirectory(Path.Combine(_root.FullName, "cpu1"));
        Describe(2, "2\n");
        PhysicalCores.Read(_root.FullName).Should().HaveCount(2);
    }

    [Fact]
    public void Nothing_is_known_without_a_description() => PhysicalCores.Read(_root.FullName).Should().BeEmpty();

    [Fact]
    public void A_description_that_makes_no_sense_is_none()
    {
        Describe(0, "zero\n");
        PhysicalCores.Read(_root.FullName).Should().BeEmpty();
    }

    [Theory]
    [InlineData("0-7", 8, 4)]
    [InlineData("0,4", 2, 1)] // both on one core
    [InlineData("0,1,4", 3, 2)]
    [InlineData("0-7", 3, 3)] // a quota of three processors
    [InlineData("0-7", 1, 1)]
    public void Threads_are_as_many_as_cores_of_the_process(string allowed, int processors, int expected)
    {
        int[][] cores = [[0, 4], [1, 5], [2, 6], [3, 7]];
        PhysicalCores.CountUsable(cores, ProcessorList.Parse(allowed), processors).Should().Be(expected);
        PhysicalCores.CountUsable(cores, null, processors).Should().Be(Math.Min(4, processors));
        PhysicalCores.CountUsable([], ProcessorList.Parse(allowed), processors).Should().Be(processors);
    }

    [SkippableFact]
    public void The_quota_of_the_control_group_counts()
    {
        const string Quota = "/sys/fs/cgroup/cpu.max";
        Skip.IfNot(File.Exists(Quota), "there is no control group of version 2 at the root");
        string[] quota = File.ReadAllText(Quota).Split(' ');
        Skip.If(quota[0] == "max", "the control group has no quota");
        double processors = double.Parse(quota[0], System.Globalization.CultureInfo.InvariantCulture) / double.Parse(quota[1], System.Globalization.CultureInfo.InvariantCulture);
        PhysicalCores.Usable.Should().BeLessThanOrEqualTo((int)Math.Ceiling(processors));
    }

    [Fact]
    public void There_are_no_more_threads_than_processors() => PhysicalCores.Usable.Should().BeInRange(1, Environment.ProcessorCount);

    public void Dispose() => _root.Delete(recursive: true);

    private void Describe(int processor, string siblings)
    {
        DirectoryInfo topology = Directory.CreateDirectory(Path.Combine(_root.FullName, $"cpu{processor}", "topology"));
        File.WriteAllText(Path.Combine(topology.FullName, "thread_siblings_list"), siblings);
    }
}
