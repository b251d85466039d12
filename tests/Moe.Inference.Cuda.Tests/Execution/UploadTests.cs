using Moe.Inference.Execution;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda.Tests.Execution;

/// <summary>Much at once to a GPU, in chunks by several threads.</summary>
public class UploadTests
{
    private const int Chunk = 4 << 20;

    private static readonly int[] Sizes = [3, 0, Chunk - 1, Chunk, (2 * Chunk) + 5, 1];

    [SkippableFact]
    public void All_bytes_arrive_and_are_told()
    {
        using IBackend backend = TestGpu.Require().Open();
        IReadOnlyList<DeviceBuffer> buffers = backend.AllocateAll([.. Sizes.Select(size => ((long)size, $"{size} bytes"))]);
        byte[][] data = [.. Sizes.Select((size, i) => RandomBytes(size, i))];
        long told = 0;
        backend.Upload([.. buffers.Select((buffer, i) => new DeviceUpload(buffer, (offset, destination) => data[i].AsSpan((int)offset, destination.Length).CopyTo(destination)))], bytes => told += bytes, default);
        told.Should().Be(Sizes.Sum());
        for (int i = 0; i < Sizes.Length; i++)
        {
            byte[] found = new byte[Sizes[i]];
            backend.Read(buffers[i], 0, found);
            found.AsSpan().SequenceEqual(data[i]).Should().BeTrue("all of buffer {0} must be there", i);
        }

        Free(buffers);
    }

    [SkippableFact]
    public void A_large_write_to_the_middle_of_a_buffer_leaves_the_rest()
    {
        using IBackend backend = TestGpu.Require().Open();
        using DeviceBuffer buffer = backend.Allocate(5 * Chunk, "a large buffer");
        byte[] whole = RandomBytes(5 * Chunk, 1), part = RandomBytes((3 * Chunk) + 7, 2);
        backend.Write(buffer, 0, whole);
        backend.Write(buffer, 1001, part);
        part.CopyTo(whole, 1001);
        byte[] found = new byte[whole.Length];
        backend.Read(buffer, 0, found);
        found.AsSpan().SequenceEqual(whole).Should().BeTrue();
    }

    [SkippableFact]
    public void What_goes_wrong_while_reading_is_thrown_and_the_device_goes_on()
    {
        CudaDevice device = TestGpu.Require();
        long before = device.AllocatedBytes;
        using (IBackend backend = device.Open())
        {
            IReadOnlyList<DeviceBuffer> buffers = backend.AllocateAll([(Chunk, "one"), (3 * Chunk, "two")]);
            UploadReader breaks = (offset, _) =>
            {
                if (offset >= Chunk)
                    throw new IOException("the disk is gone");
            };
            backend.Invoking(queue => queue.Upload([.. buffers.Select(buffer => new DeviceUpload(buffer, breaks))], _ => { }, default)).Should().Throw<IOException>().WithMessage("the disk is gone");
            using CancellationTokenSource source = new();
            backend.Invoking(queue => queue.Upload([.. buffers.Select(buffer => new DeviceUpload(buffer, (_, _) => source.Cancel()))], _ => { }, source.Token)).Should().Throw<OperationCanceledException>();
            backend.Upload([new DeviceUpload(buffers[0], (_, destination) => destination.Fill(7))], _ => { }, default);
            byte[] found = new byte[8];
            backend.Read(buffers[0], Chunk - found.Length, found);
            found.Should().OnlyContain(x => x == 7);
            Free(buffers);
        }

        device.AllocatedBytes.Should().Be(before);
    }

    [SkippableFact]
    public void Pieces_of_which_one_does_not_fit_are_refused_and_none_stays()
    {
        CudaDevice device = TestGpu.Require();
        using IBackend backend = device.Open();
        long before = device.AllocatedBytes;
        backend.Invoking(queue => queue.AllocateAll([(100, "small"), (device.MemoryBytes!.Value, "as much as there is"), (1 << 20, "one more")])).Should().Throw<OutOfDeviceMemoryException>()
            .Which.Device.Should().Be(device.Device.ToString());
        device.AllocatedBytes.Should().Be(before);
        IReadOnlyList<DeviceBuffer> buffers = backend.AllocateAll([(100, "one"), (1, "two"), (300, "three")]);
        buffers.Select(buffer => buffer.Length).Should().Equal(100, 1, 300);
        buffers.Select(buffer => buffer.Address % 16).Should().OnlyContain(rest => rest == 0);
        device.AllocatedBytes.Should().Be(before + 401);
        Free(buffers);
        device.AllocatedBytes.Should().Be(before);
    }

    private static void Free(IEnumerable<DeviceBuffer> buffers)
    {
        foreach (DeviceBuffer buffer in buffers)
            buffer.Dispose();
    }

    private static byte[] RandomBytes(int count, int seed)
    {
        byte[] bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
