using Moe.Inference.Cpu;
using Moe.Inference.Cpu.Threading;
using Moe.Inference.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Planning;

namespace Moe.Inference.Testing;

/// <summary>Steps that are launched one by one on a simulated device.</summary>
internal sealed class SimulatedProgram : IDeviceProgram
{
    private readonly SimulatedDevice _device;
    private readonly (PlannedStep Planned, CpuProgram Program)[] _launches;

    public SimulatedProgram(SimulatedDevice device, WorkerPool pool, IReadOnlyList<(PlannedStep Planned, IStep Bound)> steps)
    {
        _device = device;
        _launches = [.. steps.Select(step => (step.Planned, new CpuProgram(pool, new ThreadCounts(pool.Threads, pool.Threads), [(step.Planned, AsCpuStep(step.Planned, step.Bound))])))];
    }

    /// <summary>Runs all steps, on the queue's thread.</summary>
    public void Run(RunSize size, CancellationToken cancellation)
    {
        foreach ((PlannedStep planned, CpuProgram program) in _launches)
        {
            _device.BeforeLaunch(planned);
            program.Run(size, cancellation);
        }
    }

    public void Dispose()
    {
        foreach ((_, CpuProgram program) in _launches)
            program.Dispose();
    }

    private static CpuStep AsCpuStep(PlannedStep planned, IStep bound) => bound as CpuStep
        ?? throw new PlanningException(planned.Node.Operation.Name, planned.Node.Label, planned.Device.ToString(), $"the kernel {planned.Kernel?.GetType().Name} does not make CPU steps");
}
