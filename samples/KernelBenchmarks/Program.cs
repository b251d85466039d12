using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace Moe.Inference.KernelBenchmarks;

/// <summary>Times the kernels of one core: <c>-- --filter *SuperBlock*</c> chooses, <c>--list flat</c> names what there is.</summary>
internal static class Program
{
    public static void Main(string[] args) => BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(
        args,
        // In this process: the paths are chosen by the benchmarks themselves.
        ManualConfig.Create(DefaultConfig.Instance).AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance)).AddColumn(new RateColumn()));
}
