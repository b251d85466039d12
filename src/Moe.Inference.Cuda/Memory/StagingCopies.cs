using Moe.Inference.Cuda.Native;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda.Memory;

/// <summary>
/// Copies between memory of anybody's on the host and the device, by way of pinned memory. Large ones are cut into chunks that several threads
/// read and send at once, since one thread reads a mapped file more slowly than the link takes it.
/// </summary>
/// <param name="device">The device.</param>
/// <param name="stream">The stream of small copies, in the order of what else is on it.</param>
internal sealed unsafe class StagingCopies(CudaDevice device, nint stream) : IDisposable
{
    private const int ChunkBytes = 8 << 20;
    private const int MostLanes = 8;
    private const uint NonBlocking = 1;

    private readonly List<Lane> _lanes = [];

    /// <summary>Copies to the device and waits.</summary>
    public void Up(nint source, nint target, long bytes, string purpose)
    {
        if (bytes <= ChunkBytes)
        {
            Lane lane = LaneOf(0);
            if (bytes > 0)
                lane.Up(stream, source, target, bytes, purpose);
            lane.Finish(stream, purpose);
            return;
        }

        long chunks = (bytes + ChunkBytes - 1) / ChunkBytes;
        int lanes = (int)Math.Min(Math.Clamp(Environment.ProcessorCount, 1, MostLanes), chunks);
        for (int i = 0; i < lanes; i++)
            LaneOf(i);
        long next = -1;
        Parallel.For(0, lanes, new ParallelOptions { MaxDegreeOfParallelism = lanes }, number =>
        {
            device.MakeCurrent();
            Lane lane = _lanes[number];
            for (long chunk = Interlocked.Increment(ref next); chunk < chunks; chunk = Interlocked.Increment(ref next))
            {
                long offset = chunk * ChunkBytes;
                lane.Up(lane.Stream, source + (nint)offset, target + (nint)offset, Math.Min(ChunkBytes, bytes - offset), purpose);
            }

            lane.Finish(lane.Stream, purpose);
        });
    }

    /// <summary>Copies to the host and waits.</summary>
    public void Down(nint source, nint target, long bytes, string purpose)
    {
        Lane lane = LaneOf(0);
        for (long done = 0; done < bytes; done += ChunkBytes)
            lane.Down(stream, source + (nint)done, target + (nint)done, Math.Min(ChunkBytes, bytes - done), purpose);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Lane lane in _lanes)
            lane.Dispose();
        _lanes.Clear();
    }

    private Lane LaneOf(int number)
    {
        device.MakeCurrent();
        while (_lanes.Count <= number)
            _lanes.Add(new Lane(device));
        return _lanes[number];
    }

    /// <summary>Two chunks of pinned memory, so that one is filled while the other is sent.</summary>
    private sealed class Lane : IDisposable
    {
        private readonly CudaDevice _device;
        private readonly DeviceBuffer?[] _chunks = new DeviceBuffer?[2];
        private readonly nint[] _sent = new nint[2];
        private int _turn;

        public Lane(CudaDevice device)
        {
            _device = device;
            nint created = 0;
            Check(Driver.StreamCreate(&created, NonBlocking), "create", "a stream");
            Stream = created;
            for (int i = 0; i < _sent.Length; i++)
            {
                Check(Driver.EventCreate(&created, 2), "create", "an event");
                _sent[i] = created;
            }
        }

        public nint Stream { get; }

        public void Up(nint stream, nint source, nint target, long bytes, string purpose)
        {
            _turn ^= 1;
            Check(Driver.EventSynchronize(_sent[_turn]), "write", purpose);
            nint chunk = Chunk(_turn).Address;
            Buffer.MemoryCopy((void*)source, (void*)chunk, ChunkBytes, bytes);
            Check(Driver.CopyToDevice(target, chunk, (nuint)bytes, stream), "write", purpose);
            Check(Driver.EventRecord(_sent[_turn], stream), "write", purpose);
        }

        public void Down(nint stream, nint source, nint target, long bytes, string purpose)
        {
            nint chunk = Chunk(0).Address;
            Check(Driver.CopyToHost(chunk, source, (nuint)bytes, stream), "read", purpose);
            Check(Driver.StreamSynchronize(stream), "read", purpose);
            Buffer.MemoryCopy((void*)chunk, (void*)target, bytes, bytes);
        }

        public void Finish(nint stream, string purpose) => Check(Driver.StreamSynchronize(stream), "write", purpose);

        public void Dispose()
        {
            _ = Driver.StreamSynchronize(Stream);
            _ = Driver.StreamDestroy(Stream);
            foreach (nint sent in _sent)
                _ = Driver.EventDestroy(sent);
            foreach (DeviceBuffer? chunk in _chunks)
                chunk?.Dispose();
        }

        private DeviceBuffer Chunk(int number) => _chunks[number] ??= _device.AllocatePinned(ChunkBytes, "staging memory");

        private void Check(CudaResult result, string operation, string subject) => result.ThrowIfFailed(operation, subject, _device.Device.ToString());
    }
}
