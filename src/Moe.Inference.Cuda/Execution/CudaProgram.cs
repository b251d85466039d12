using Moe.Inference.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Planning;

namespace Moe.Inference.Cuda.Execution;

/// <summary>Steps that follow each other on one device.</summary>
internal sealed class CudaProgram(IReadOnlyList<(PlannedStep Planned, CudaStep Step)> steps) : IDeviceProgram
{
    /// <summary>What it is about, for people.</summary>
    public string Name { get; } = steps.Count == 1 ? steps[0].Planned.Node.Label : $"{steps[0].Planned.Node.Label} … {steps[^1].Planned.Node.Label}";

    /// <summary>Enqueues all launches.</summary>
    /// <exception cref="DeviceException">A launch was refused; the message names the step.</exception>
    public void Launch(CudaStream stream, in RunSize size)
    {
        foreach ((PlannedStep planned, CudaStep step) in steps)
        {
            try
            {
                step.Launch(stream, size);
            }
            catch (Exception problem) when (problem is InvalidOperationException or DeviceException)
            {
                throw new DeviceException(planned.Node.Operation.Name, planned.Node.Label, planned.Device.ToString(), problem.Message, (problem as DeviceException)?.Code ?? 0, problem)
                {
                    DeviceLost = problem is DeviceException { DeviceLost: true },
                };
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
