namespace Moe.Inference.Cpu.Jit;

/// <summary>Several routines in one piece of executable memory.</summary>
internal sealed class AssembledRoutines : IDisposable
{
    private const int Alignment = 64;
    private readonly ExecutableMemory _memory;
    private readonly int[] _offsets;

    /// <summary>Copies routines, which must not refer to addresses outside themselves.</summary>
    /// <exception cref="NotSupportedException">The system refuses executable memory.</exception>
    public AssembledRoutines(params IReadOnlyList<byte[]> routines)
    {
        _offsets = new int[routines.Count];
        int length = 0;
        for (int i = 0; i < routines.Count; i++)
        {
            _offsets[i] = length;
            length += (routines[i].Length + Alignment - 1) & -Alignment;
        }
        byte[] all = new byte[length];
        all.AsSpan().Fill(0xCC); // breakpoints between routines
        for (int i = 0; i < routines.Count; i++)
            routines[i].CopyTo(all, _offsets[i]);
        _memory = new ExecutableMemory(all);
    }

    /// <summary>The memory.</summary>
    public ExecutableMemory Memory => _memory;

    /// <summary>Where a routine begins.</summary>
    public nint this[int index] => _memory.Address + _offsets[index];

    public void Dispose() => _memory.Dispose();
}
