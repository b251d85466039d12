namespace Moe.Inference.Cuda.Compilation;

/// <summary>Names one kernel: a source file, what it is compiled with, and the function in it.</summary>
/// <param name="File">The <c>.cu</c> file in <c>Kernels</c>, such as <c>norm.cu</c>.</param>
/// <param name="Entry">The function, declared <c>extern "C" __global__</c>, with its geometry as the only parameter.</param>
/// <param name="Defines">Preprocessor definitions, such as <c>FORMAT=Q4_K TOKENS=4</c>, separated by spaces.</param>
internal sealed record KernelCode(string File, string Entry, string Defines = "")
{
    /// <summary>What is compiled as one: a file with its definitions.</summary>
    public (string File, string Defines) Module => (File, Defines);

    /// <inheritdoc/>
    public override string ToString() => Defines.Length == 0 ? $"{File}:{Entry}" : $"{File}:{Entry} ({Defines})";
}
