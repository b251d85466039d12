using Moe.Inference.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;

namespace Moe.Inference.Tests.Hybrid;

/// <summary>A device whose queues make a mistake.</summary>
internal sealed class ProviderDouble(IDeviceProvider sound) : IDeviceProvider
{
    /// <summary>How many of a transfer's bytes are copied.</summary>
    public Func<long, long> Copied { get; init; } = bytes => bytes;

    /// <summary>Whether the host waits for events.</summary>
    public bool HostWaits { get; init; } = true;

    public Device Device => sound.Device;

    public long? MemoryBytes => sound.MemoryBytes;

    public bool CanCopyFrom(Device other) => sound.CanCopyFrom(other);

    public void RegisterKernels(OpRegistry registry) => sound.RegisterKernels(registry);

    public IBackend Open() => new BackendDouble(this, sound.Open());

    private sealed class BackendDouble(ProviderDouble provider, IBackend sound) : IBackend
    {
        public Device Device => sound.Device;

        public string Description => sound.Description;

        public DeviceBuffer Allocate(long bytes, string purpose) => sound.Allocate(bytes, purpose);

        public IStep Bind(IKernel kernel, KernelBinding binding) => sound.Bind(kernel, binding);

        public IDeviceProgram Compile(IReadOnlyList<(PlannedStep Planned, IStep Bound)> steps) => sound.Compile(steps);

        public IDeviceEvent CreateEvent() => new EventDouble(sound.CreateEvent(), provider.HostWaits);

        public void Enqueue(IDeviceProgram program, RunSize size, CancellationToken cancellation) => sound.Enqueue(program, size, cancellation);

        public void EnqueueTransfer(PlannedStep step, DeviceBuffer source, long sourceOffset, DeviceBuffer target, long targetOffset, long bytes) =>
            sound.EnqueueTransfer(step, source, sourceOffset, target, targetOffset, provider.Copied(bytes));

        public void Record(IDeviceEvent recorded) => sound.Record(((EventDouble)recorded).Sound);

        public void Wait(IDeviceEvent awaited) => sound.Wait(awaited is EventDouble known ? known.Sound : awaited);

        public void Synchronize() => sound.Synchronize();

        public void Write(DeviceBuffer target, long offset, ReadOnlySpan<byte> data) => sound.Write(target, offset, data);

        public void Read(DeviceBuffer source, long offset, Span<byte> data) => sound.Read(source, offset, data);

        public void Copy(DeviceBuffer source, long sourceOffset, DeviceBuffer target, long targetOffset, long bytes) =>
            sound.Copy(source, sourceOffset, target, targetOffset, bytes);

        public void Dispose() => sound.Dispose();
    }

    private sealed class EventDouble(IDeviceEvent sound, bool hostWaits) : IDeviceEvent
    {
        public IDeviceEvent Sound => sound;

        public void WaitOnHost()
        {
            if (hostWaits)
                sound.WaitOnHost();
        }

        public void Dispose() => sound.Dispose();
    }
}
