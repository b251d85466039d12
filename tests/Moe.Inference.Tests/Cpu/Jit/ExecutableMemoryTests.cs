using System.Globalization;
using Moe.Inference.Cpu.Jit;

namespace Moe.Inference.Tests.Cpu.Jit;

public unsafe class ExecutableMemoryTests
{
    // mov eax, 42; ret
    private static readonly byte[] FortyTwo = [0xB8, 42, 0, 0, 0, 0xC3];

    [SkippableFact]
    public void Code_runs()
    {
        Skip.IfNot(System.Runtime.Intrinsics.X86.X86Base.IsSupported, "code for x86");
        using ExecutableMemory memory = new(FortyTwo);
        ((delegate* unmanaged<int>)memory.Address)().Should().Be(42);
    }

    [SkippableFact]
    public void Pages_are_executable_and_not_writable()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "reads /proc/self/maps");
        using ExecutableMemory memory = new(new byte[10000]);
        memory.Length.Should().Be((10000 + Environment.SystemPageSize - 1) / Environment.SystemPageSize * Environment.SystemPageSize);
        foreach (long offset in new[] { 0L, memory.Length - 1 })
            ProtectionAt(memory.Address + (nint)offset).Should().StartWith("r-x");
    }

    [Fact]
    public void Memory_given_back_cannot_be_used()
    {
        ExecutableMemory memory = new(FortyTwo);
        memory.Dispose();
        memory.Dispose();
        ((Func<nint>)(() => memory.Address)).Should().Throw<ObjectDisposedException>();
    }

    [Fact]
    public void Routines_keep_apart_and_begin_on_cache_lines()
    {
        byte[] long1 = new byte[100], long2 = new byte[64];
        Array.Fill(long1, (byte)0x90);
        long1[^1] = 0xC3;
        Array.Fill(long2, (byte)0xC3);
        using AssembledRoutines routines = new(long1, long2, FortyTwo);
        (routines[1] - routines[0]).Should().Be(128);
        (routines[2] - routines[1]).Should().Be(64);
        new ReadOnlySpan<byte>((void*)routines[0], 100).ToArray().Should().Equal(long1);
        new ReadOnlySpan<byte>((void*)(routines[0] + 100), 28).ToArray().Should().AllBeEquivalentTo((byte)0xCC, "what is between routines stops the program");
        new ReadOnlySpan<byte>((void*)routines[2], FortyTwo.Length).ToArray().Should().Equal(FortyTwo);
    }

    private static string ProtectionAt(nint address)
    {
        foreach (string line in File.ReadLines("/proc/self/maps"))
        {
            string[] parts = line.Split(' ', 3);
            nint[] range = [.. parts[0].Split('-').Select(text => nint.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture))];
            if (address >= range[0] && address < range[1])
                return parts[1];
        }
        return "not mapped";
    }
}
