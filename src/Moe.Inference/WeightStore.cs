using System.Diagnostics;
using Moe.Inference.Cpu;
using Moe.Inference.Execution;
using Moe.Inference.Gguf;
using Moe.Inference.Graph;
using Moe.Inference.Tensors;

namespace Moe.Inference;

/// <summary>A model's tensors where the placement puts them: on the host in the file's own memory, on other devices as copies.</summary>
internal sealed class WeightStore : IDisposable
{
    private readonly Dictionary<string, TensorView> _host;
    private readonly Dictionary<(string Name, int FirstSlice, Device Device), TensorView> _devices = [];

    /// <summary>Copies what does not stay on the host.</summary>
    /// <param name="file">The file.</param>
    /// <param name="content">Its contents in host memory, which must outlive the store.</param>
    /// <param name="copies">What does not stay on the host, and where it goes; each part once for each device.</param>
    /// <param name="devices">The devices there are, beside the host.</param>
    /// <param name="progress">Told how much has been copied.</param>
    /// <param name="cancellation">Stops between pieces.</param>
    /// <exception cref="PlanningException">The placement names a device that is not there.</exception>
    /// <exception cref="OutOfDeviceMemoryException">A device is too small.</exception>
    public WeightStore(GgufFile file, GgufContent content, IReadOnlyList<(Weight Part, Device Device)> copies, IReadOnlyList<IDeviceProvider> devices, LoadStages progress, CancellationToken cancellation)
    {
        _host = file.Tensors.ToDictionary(tensor => tensor.Name, tensor => HostView(content, tensor), StringComparer.Ordinal);
        try
        {
            // A device that is not there is told before anything is copied.
            (IDeviceProvider, Weight[])[] groups =
                [.. copies.GroupBy(copy => copy.Device, copy => copy.Part).Select(group => (ProviderOf(group.Key, group.First().Name, devices), group.ToArray()))];
            // Memory outlives the queue that filled it.
            using UploadSet uploads = new();
            foreach ((IDeviceProvider provider, Weight[] own) in groups)
            {
                IBackend backend = uploads.Open(provider);
                uploads.Add(backend, [.. Allocate(own, backend).Select((buffer, i) => UploadOf(own[i], buffer, file.GetTensor(own[i].Name), content))]);
            }

            uploads.Run(progress.Copied, cancellation);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>How much of the time went into allocating device memory.</summary>
    public TimeSpan Allocating { get; private set; }

    /// <summary>Where a tensor, or a part of one, lies on a device.</summary>
    public TensorView View(Weight weight, Device device) =>
        device.IsCpu ? HostPart(weight) : _devices[(weight.Name, weight.FirstSlice, device)];

    /// <summary>A whole tensor on the host.</summary>
    public TensorView HostTensor(string name) => _host[name];

    /// <summary>Gives the copies back.</summary>
    public void Dispose()
    {
        foreach (TensorView view in _devices.Values)
            view.Buffer.Dispose();
    }

    private static TensorView HostView(GgufContent content, GgufTensor tensor) => new(
        new BorrowedBuffer(content.GetAddress(tensor), tensor.ByteLength, tensor.Name), 0, tensor.Type, checked((int)tensor.RowLength), tensor.Rows);

    private TensorView HostPart(Weight weight)
    {
        TensorView whole = _host[weight.Name];
        return whole with { Offset = weight.FirstSlice * weight.SliceBytes, Rows = (long)weight.RowsPerSlice * weight.Slices };
    }

    private IReadOnlyList<DeviceBuffer> Allocate(Weight[] parts, IBackend backend)
    {
        long start = Stopwatch.GetTimestamp();
        IReadOnlyList<DeviceBuffer> buffers = backend.AllocateAll([.. parts.Select(part => (part.ByteLength, part.Name))]);
        for (int i = 0; i < parts.Length; i++)
            _devices.Add((parts[i].Name, parts[i].FirstSlice, backend.Device), HostPart(parts[i]) with { Buffer = buffers[i], Offset = 0 });
        Allocating += Stopwatch.GetElapsedTime(start);
        return buffers;
    }

    private static DeviceUpload UploadOf(Weight part, DeviceBuffer buffer, GgufTensor tensor, GgufContent content)
    {
        long first = part.FirstSlice * part.SliceBytes;
        return new DeviceUpload(buffer, (offset, destination) => content.CopyTo(tensor, first + offset, destination));
    }

    private static IDeviceProvider ProviderOf(Device device, string tensor, IReadOnlyList<IDeviceProvider> devices) =>
        devices.FirstOrDefault(candidate => candidate.Device == device)
            ?? throw new PlanningException("", tensor, device.ToString(), $"there is no such device; there are {string.Join(", ", devices.Select(candidate => candidate.Device).Prepend(Device.Cpu))}");
}
