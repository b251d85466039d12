using Moe.Inference.Cpu.Threading;

namespace Moe.Inference.Tests.Cpu;

public sealed class PhysicalCoresTests : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("cores");

    [Fact]
    public void Siblings_count_once()
    {
        foreach ((int processor, string siblings) in new[] { (0, "0,4\n"), (1, "1,5\n"), (4, "0,4\n"), (2, "2\n"), (3, "3\n"), (5, "1,5\n") })
            Describe(processor, siblings);
        PhysicalCores.Count(_root.FullName).Should().Be(4);
    }

    [Fact]
    public void A_processor_that_is_off_does_not_count()
    {
        Describe(0, "0\n");
        Directory.CreateDirectory(Path.Combine(_root.FullName, "cpu1"));
        Describe(2, "2\n");
        PhysicalCores.Count(_root.FullName).Should().Be(2);
    }

    [Fact]
    public void Nothing_is_known_without_a_description() => PhysicalCores.Count(_root.FullName).Should().BeNull();

    [Fact]
    public void There_are_no_more_threads_than_processors() => PhysicalCores.Usable.Should().BeInRange(1, Environment.ProcessorCount);

    public void Dispose() => _root.Delete(recursive: true);

    private void Describe(int processor, string siblings)
    {
        DirectoryInfo topology = Directory.CreateDirectory(Path.Combine(_root.FullName, $"cpu{processor}", "topology"));
        File.WriteAllText(Path.Combine(topology.FullName, "thread_siblings_list"), siblings);
    }
}
