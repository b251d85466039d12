using Moe.Inference.Cpu.Threading;
using Moe.Inference.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;

namespace Moe.Inference.Testing;

/// <summary>One queue of a simulated device.</summary>
internal sealed unsafe class SimulatedBackend : IBackend
{
    private readonly SimulatedDevice _device;
    private readonly SimulatedQueue _queue;
    private readonly WorkerPool _pool = new(1);
    private bool _disposed;

    public SimulatedBackend(SimulatedDevice device, int number)
    {
        _device = device;
        _queue = new SimulatedQueue(device, number);
    }

    public Device Device => _device.Device;

    public string Description => $"{Device}, simulated";

    public DeviceBuffer Allocate(long bytes, string purpose) => _device.Allocate(bytes, purpose);

    public IStep Bind(IKernel kernel, KernelBinding binding)
    {
        IEnumerable<TensorView> operands = [.. binding.Inputs, .. binding.Weights, .. binding.Outputs, binding.Scratch];
        if (binding.Kv is { } kv)
            operands = [.. operands, kv.Keys, kv.Values];
        foreach (TensorView operand in operands)
        {
            if (!IsOwn(operand.Buffer))
                throw new DeviceException(binding.Node.Operation.Name, binding.Node.Label, Device.ToString(), $"an operand is in '{operand.Buffer.Purpose}' on {operand.Buffer.Device}");
        }

        using SimulatedDevice.Scope working = _device.Enter();
        return kernel.Bind(binding);
    }

    public IDeviceProgram Compile(IReadOnlyList<(PlannedStep Planned, IStep Bound)> steps) => new SimulatedProgram(_device, _pool, steps);

    public IDeviceEvent CreateEvent() => new SimulatedEvent();

    public void Enqueue(IDeviceProgram program, RunSize size, CancellationToken cancellation)
    {
        _device.ThrowIfLost();
        _queue.Enqueue("run", "a program", () => ((SimulatedProgram)program).Run(size, cancellation));
    }

    public void EnqueueTransfer(PlannedStep step, DeviceBuffer source, long sourceOffset, DeviceBuffer target, long targetOffset, long bytes)
    {
        _device.ThrowIfLost();
        (string operation, string label) = (step.Node.Operation.Name, step.Node.Label);
        bool up = source.Device.IsCpu;
        bool peer = IsOwn(target) && source is SimulatedBuffer { Owner: var owner } && _device.CanCopyFrom(owner.Device);
        if (!peer && !(up ? IsOwn(target) : IsOwn(source) && target.Device.IsCpu))
            throw new DeviceException(operation, label, Device.ToString(), $"a transfer from '{source.Purpose}' on {source.Device} to '{target.Purpose}' on {target.Device} is not between this device and the host, nor from a device that it can copy from");
        CheckRange(operation, label, source, sourceOffset, bytes);
        CheckRange(operation, label, target, targetOffset, bytes);
        if (peer)
        {
            _queue.Enqueue(operation, label, () => CopyFromPeer(operation, label, (SimulatedBuffer)source, sourceOffset, target.Address + (nint)targetOffset, bytes));
            return;
        }

        _queue.Enqueue(operation, label, () =>
        {
            _device.BeforeTransfer(operation, label, up ? bytes : 0, up ? 0 : bytes);
            Move(source.Address + (nint)sourceOffset, target.Address + (nint)targetOffset, bytes);
        });
    }

    public void Record(IDeviceEvent recorded) => _queue.Record(((SimulatedEvent)recorded).Begin());

    public void Wait(IDeviceEvent awaited)
    {
        // An event may be recorded again before this queue comes to wait for it.
        Action wait = awaited is SimulatedEvent { Last: var last } ? () => last?.Wait() : awaited.WaitOnHost;
        _queue.Enqueue("wait", "an event", wait);
    }

    public void Synchronize() => _queue.Synchronize();

    public void Write(DeviceBuffer target, long offset, ReadOnlySpan<byte> data)
    {
        CheckRange("write", target.Purpose, target, offset, data.Length);
        fixed (byte* pinned = data)
        {
            (nint host, long bytes) = ((nint)pinned, data.Length);
            _queue.Call("write", target.Purpose, () =>
            {
                _device.BeforeTransfer("write", target.Purpose, bytes, 0);
                Move(host, target.Address + (nint)offset, bytes);
            });
        }
    }

    public void Read(DeviceBuffer source, long offset, Span<byte> data)
    {
        CheckRange("read", source.Purpose, source, offset, data.Length);
        fixed (byte* pinned = data)
        {
            (nint host, long bytes) = ((nint)pinned, data.Length);
            _queue.Call("read", source.Purpose, () =>
            {
                _device.BeforeTransfer("read", source.Purpose, 0, bytes);
                Move(source.Address + (nint)offset, host, bytes);
            });
        }
    }

    public void Copy(DeviceBuffer source, long sourceOffset, DeviceBuffer target, long targetOffset, long bytes)
    {
        CheckRange("copy", source.Purpose, source, sourceOffset, bytes);
        CheckRange("copy", target.Purpose, target, targetOffset, bytes);
        _queue.Call("copy", target.Purpose, () =>
        {
            _device.BeforeTransfer("copy", target.Purpose, 0, 0);
            Move(source.Address + (nint)sourceOffset, target.Address + (nint)targetOffset, bytes);
        });
    }

    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        _queue.Dispose();
        _pool.Dispose();
        _device.Closed();
    }

    private void CopyFromPeer(string operation, string label, SimulatedBuffer source, long sourceOffset, nint target, long bytes)
    {
        source.Owner.ThrowIfLost();
        _device.BeforePeerTransfer(operation, label, bytes);
        nint from;
        using (source.Owner.Enter())
            from = source.Address + (nint)sourceOffset;
        Move(from, target, bytes);
    }

    private static void Move(nint source, nint target, long bytes) => Buffer.MemoryCopy((void*)source, (void*)target, bytes, bytes);

    private bool IsOwn(DeviceBuffer buffer) => buffer is SimulatedBuffer own && own.Owner == _device;

    private void CheckRange(string operation, string tensor, DeviceBuffer buffer, long offset, long bytes)
    {
        if (offset < 0 || bytes < 0 || offset > buffer.Length - bytes)
            throw new DeviceException(operation, tensor, Device.ToString(), $"{bytes} bytes from byte {offset} on do not lie within the {buffer.Length} bytes of '{buffer.Purpose}' on {buffer.Device}");
    }
}
