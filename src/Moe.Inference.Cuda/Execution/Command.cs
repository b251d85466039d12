using Moe.Inference.Graph;

namespace Moe.Inference.Cuda.Execution;

/// <summary>One thing that a queue has been handed: a program to run, or bytes to copy.</summary>
/// <param name="Program">The program, or null for a copy.</param>
/// <param name="Size">The program's run size, as its steps see it.</param>
/// <param name="Source">Where a copy reads.</param>
/// <param name="Target">Where a copy writes.</param>
/// <param name="Bytes">How much a copy moves.</param>
/// <param name="Up">Whether a copy goes to the device.</param>
internal readonly record struct Command(CudaProgram? Program, RunSize Size, nint Source, nint Target, long Bytes, bool Up)
{
    /// <summary>Whether a graph of the other command can serve this one, but for the number of bytes.</summary>
    public bool IsLike(in Command other) => (this with { Bytes = 0 }) == (other with { Bytes = 0 });

    /// <summary>What it is about, for people.</summary>
    public string Name => Program?.Name ?? $"a copy of {Bytes} bytes";
}
