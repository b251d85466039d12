using Moe.Inference.Cuda.Execution;
using Moe.Inference.Execution;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda.Tests.Execution;

/// <summary>A GPU that shows the queues opened on it.</summary>
/// <param name="device">The GPU.</param>
/// <param name="usesGraphs">Whether they use graphs.</param>
internal sealed class WatchedGpu(CudaDevice device, bool usesGraphs = true) : IDeviceProvider
{
    private readonly List<CudaQueue> _queues = [];

    public Device Device => device.Device;

    public long? MemoryBytes => device.MemoryBytes;

    public long Captured => _queues.Sum(queue => queue.Graphs.Captured);

    public long Launched => _queues.Sum(queue => queue.Graphs.Launched);

    public void RegisterKernels(OpRegistry registry) => device.RegisterKernels(registry);

    public IBackend Open()
    {
        CudaQueue queue = (CudaQueue)device.Open();
        queue.UsesGraphs = usesGraphs;
        _queues.Add(queue);
        return queue;
    }
}
