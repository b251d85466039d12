using Moe.Inference.Cpu.Simd;
using Moe.Inference.Tests.Shared;

namespace Moe.Inference.Tests;

/// <summary>Runs the tests of this assembly whose names contain any of the arguments, on the processor's path that <c>MOE_CPU</c> names.</summary>
internal static class Program
{
    public static int Main(string[] args)
    {
        Console.WriteLine($"path {CpuFeatures.Current}");
        return TestRunner.Run(args);
    }
}
