using System.Runtime.InteropServices;
using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Cuda.Execution;
using Moe.Inference.Cuda.Kernels;
using Moe.Inference.Cuda.Memory;
using Moe.Inference.Cuda.Native;
using Moe.Inference.Execution;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda;

/// <summary>
/// A GPU, ready for <see cref="ModelOptions.Devices"/>. Dispose it after the models that use it; what it compiled is then unloaded.
/// Thread-safe.
/// </summary>
public sealed unsafe class CudaDevice : IDeviceProvider, IDisposable
{
    // What cudaMalloc promises (CUDA C++ Programming Guide, "Device Memory Accesses").
    private const int PieceAlignment = 256;

    // What kernels copy at once, whole even where a row of weights ends within it.
    private const int CopyUnit = 16;

    private readonly int _handle;
    private readonly IMemorySource _memory;
    private readonly KernelLibrary _library;
    private readonly Lock _peering = new();
    private readonly HashSet<nint> _peers = [];
    private long _allocated;
    private bool _disposed;

    internal CudaDevice(int index, Func<IMemorySource>? memory)
    {
        Device = Device.Cuda(index);
        string name = Device.ToString();
        int handle = 0;
        nint context = 0;
        Driver.DeviceGet(&handle, index).ThrowIfFailed("open", "the device", name);
        _handle = handle;
        // libtorch must make itself at home before anything of ours lives in the context.
        _memory = memory?.Invoke() ?? new DriverMemory(name);
        Driver.PrimaryContextRetain(&context, handle).ThrowIfFailed("open", "the context", name);
        Context = context;
        Figures = ReadFigures(handle, name);
        _library = new KernelLibrary(context, Figures.Architecture, name);
    }

    /// <inheritdoc/>
    public Device Device { get; }

    /// <inheritdoc/>
    public long? MemoryBytes => Figures.MemoryBytes;

    /// <summary>The GPU's name, such as <c>NVIDIA H100 80GB HBM3</c>.</summary>
    public string Name => Figures.Name;

    /// <summary>Bytes that models and contexts hold on it now.</summary>
    public long AllocatedBytes => Interlocked.Read(ref _allocated);

    internal nint Context { get; }

    internal DeviceFigures Figures { get; }

    internal KernelLibrary Library => _library;

    internal string Description => $"{Device}: {Figures.Name}, {Figures.Architecture}, {Figures.Multiprocessors} multiprocessors, {ByteText(Figures.MemoryBytes)}, NVRTC {_library.CompilerVersion}, {_memory.Description}";

    /// <summary>Whether the other one is a GPU, too: over NVLink or the bus where the two can, else by the driver's own way.</summary>
    public bool CanCopyFrom(Device other) => other.Kind == Device.CudaKind && other != Device;

    /// <inheritdoc/>
    public void RegisterKernels(OpRegistry registry)
    {
        ArgumentNullException.ThrowIfNull(registry);
        registry.AddCudaKernels();
    }

    /// <inheritdoc/>
    public IBackend Open()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new CudaQueue(this);
    }

    /// <summary>Unloads the kernels. Models and contexts that still use the GPU must be disposed before.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        _library.Dispose();
        _ = Driver.PrimaryContextRelease(_handle);
    }

    /// <summary>Makes the calling thread work on this device.</summary>
    internal void MakeCurrent() => Driver.ContextSetCurrent(Context).ThrowIfFailed("use", "the context", Device.ToString());

    /// <summary>Lets copies reach another device's memory without a detour, where the two can.</summary>
    internal void Reach(CudaDevice other)
    {
        lock (_peering)
        {
            int can = 0;
            if (!_peers.Add(other.Context) || Driver.DeviceCanAccessPeer(&can, _handle, other._handle) != CudaResult.Success || can == 0)
                return;
            MakeCurrent();
            CudaResult result = Driver.EnablePeerAccess(other.Context, 0);
            // Somebody else in the process, such as libtorch, may have done so.
            if (result != CudaResult.PeerAccessAlreadyEnabled)
                result.ThrowIfFailed("reach", $"memory of {other.Device}", Device.ToString());
        }
    }

    internal CudaBuffer Allocate(long bytes, string purpose)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        MakeCurrent();
        if (_memory.Allocate(Math.Max(RoundUp(bytes, CopyUnit), CopyUnit)) is { } memory)
        {
            Interlocked.Add(ref _allocated, bytes);
            return new CudaBuffer(this, memory, bytes, purpose);
        }

        throw OutOfMemory(bytes, purpose);
    }

    /// <summary>Memory from one piece, where that is better; else piece by piece.</summary>
    internal IReadOnlyList<DeviceBuffer> AllocateAll(IReadOnlyList<(long Bytes, string Purpose)> wanted)
    {
        if (!_memory.TakesPieces || wanted.Count == 0)
            return AllocateEach(wanted);
        long[] places = new long[wanted.Count + 1];
        for (int i = 0; i < wanted.Count; i++)
            places[i + 1] = checked(places[i] + RoundUp(wanted[i].Bytes, PieceAlignment));
        MakeCurrent();
        IMemoryOwner memory = _memory.Allocate(Math.Max(places[^1], 1)) ?? throw OutOfMemory(places[^1], $"{wanted.Count} tensors");
        SharedMemory whole = new(memory, wanted.Count);
        Interlocked.Add(ref _allocated, wanted.Sum(piece => piece.Bytes));
        return [.. wanted.Select((piece, i) => new CudaBuffer(this, whole.Piece(places[i]), piece.Bytes, piece.Purpose))];
    }

    internal PinnedBuffer AllocatePinned(long bytes, string purpose)
    {
        MakeCurrent();
        return _memory.AllocatePinned(Math.Max(bytes, 1)) is { } memory
            ? new PinnedBuffer(memory, bytes, purpose)
            : throw new OutOfDeviceMemoryException(Device.Cpu.ToString(), bytes, -1, $"{purpose} (locked in place)");
    }

    internal void Free(IMemoryOwner memory, long bytes)
    {
        // Freeing needs the context on this thread; a lost device frees nothing and must not throw here.
        _ = Driver.ContextSetCurrent(Context);
        memory.Dispose();
        Interlocked.Add(ref _allocated, -bytes);
    }

    private static long RoundUp(long bytes, long unit) => (bytes + unit - 1) / unit * unit;

    private List<DeviceBuffer> AllocateEach(IReadOnlyList<(long Bytes, string Purpose)> wanted)
    {
        List<DeviceBuffer> buffers = [];
        try
        {
            foreach ((long bytes, string purpose) in wanted)
                buffers.Add(Allocate(bytes, purpose));
            return buffers;
        }
        catch
        {
            foreach (DeviceBuffer buffer in buffers)
                buffer.Dispose();
            throw;
        }
    }

    private OutOfDeviceMemoryException OutOfMemory(long bytes, string purpose)
    {
        nuint free = 0, total = 0;
        long left = Driver.MemoryGetInfo(&free, &total) == CudaResult.Success ? (long)free : -1;
        return new OutOfDeviceMemoryException(Device.ToString(), bytes, left, purpose);
    }

    private static DeviceFigures ReadFigures(int handle, string device)
    {
        int Attribute(DeviceAttribute attribute)
        {
            int value = 0;
            Driver.DeviceGetAttribute(&value, attribute, handle).ThrowIfFailed("open", $"{attribute}", device);
            return value;
        }

        byte* name = stackalloc byte[256];
        nuint bytes = 0;
        Driver.DeviceGetName(name, 256, handle).ThrowIfFailed("open", "the name", device);
        Driver.DeviceTotalMem(&bytes, handle).ThrowIfFailed("open", "the memory", device);
        (int major, int minor) = (Attribute(DeviceAttribute.ComputeCapabilityMajor), Attribute(DeviceAttribute.ComputeCapabilityMinor));
        if (major < 8)
            throw new CudaUnavailableException([$"{device} is of compute capability {major}.{minor}; 8.0 (Ampere) or newer is needed"]);
        return new DeviceFigures(
            Marshal.PtrToStringUTF8((nint)name) ?? "unknown",
            // Hopper's and Blackwell's own instructions want the architecture-specific target.
            $"sm_{major}{minor}{(major >= 9 ? "a" : "")}",
            Attribute(DeviceAttribute.MultiprocessorCount),
            Attribute(DeviceAttribute.MaxSharedMemoryPerBlockOptIn),
            (long)bytes);
    }

    private static string ByteText(long bytes) => $"{bytes / (double)(1L << 30):0.0} GiB";
}
