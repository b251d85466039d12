using Moe.Inference.Cpu.Threading;

namespace Moe.Inference.Tests.Cpu.Threading;

public sealed class NumaNodesTests : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("nodes");

    [Fact]
    public void Nodes_are_read_with_their_processors_and_memory()
    {
        Describe("0-1,3", "0,3", (0, "0-3,8-11"), (1, "4-7,12-15"), (3, ""));
        NumaNodes.Read(_root.FullName).Should().BeEquivalentTo(
            (NumaNode[])[new(0, [0, 1, 2, 3, 8, 9, 10, 11], true), new(1, [4, 5, 6, 7, 12, 13, 14, 15], false), new(3, [], true)],
            options => options.WithStrictOrdering());
    }

    [Fact]
    public void Nothing_is_known_without_a_description() => NumaNodes.Read(_root.FullName).Should().BeEmpty();

    [Fact]
    public void A_description_with_a_hole_is_none()
    {
        Describe("0-1", "0-1", (0, "0-3"));
        NumaNodes.Read(_root.FullName).Should().BeEmpty();
    }

    [Fact]
    public void Memory_is_interleaved_over_several_nodes_only()
    {
        MemoryInterleave.Over([]).Should().BeNull();
        MemoryInterleave.Over([new NumaNode(0, [0, 1], true)]).Should().BeNull();
        MemoryInterleave.Over([new NumaNode(0, [0, 1], true), new NumaNode(1, [2, 3], false)]).Should().BeNull("a node without memory takes none");
    }

    [SkippableFact]
    public void Interleaved_memory_is_memory_like_any_other()
    {
        MemoryInterleave? interleave = MemoryInterleave.Over([new NumaNode(0, [], true), new NumaNode(1, [], true)]);
        Skip.If(interleave is null, "this system has no policies for memory nodes");
        using (interleave.Begin())
        {
            using Moe.Inference.Cpu.HostBuffer buffer = new(3 << 20, "test", interleave);
            unsafe
            {
                Span<byte> bytes = new((void*)buffer.Address, (int)buffer.Length);
                bytes.Fill(7);
                bytes.Count((byte)7).Should().Be(bytes.Length);
            }
        }

        // Some containers forbid these calls; it is said then, and nothing else happens.
        interleave.ToString().Should().Match(text => interleave.Refusal == null ? text == "memory interleaved over nodes 0-1" : text.Contains(interleave.Refusal));
    }

    public void Dispose() => _root.Delete(recursive: true);

    private void Describe(string online, string withMemory, params (int Id, string Processors)[] nodes)
    {
        Write("online", online);
        Write("has_memory", withMemory);
        foreach ((int id, string processors) in nodes)
            Write(Path.Combine($"node{id}", "cpulist"), processors);
    }

    private void Write(string file, string text)
    {
        string path = Path.Combine(_root.FullName, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text + "\n");
    }
}
