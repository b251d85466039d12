namespace Moe.Inference.Gguf;

/// <summary>Tensors read into one block of native memory, in the order of their parts and directories, each aligned to 64 bytes.</summary>
internal sealed class NativeContent : GgufContent
{
    private readonly AlignedMemory _memory;

    private NativeContent(GgufPart[] parts, AlignedMemory memory)
        : base(parts) => _memory = memory;

    public static NativeContent Create(GgufFile file, IProgress<GgufReadProgress>? progress, Action<nint, nint>? allocated, CancellationToken cancellationToken)
    {
        GgufPart[] parts = file.OpenParts;
        cancellationToken.ThrowIfCancellationRequested();
        foreach (GgufPart part in parts)
            part.CheckLength();
        long total = 0;
        long[][] places = [.. parts.Select(part => Array.ConvertAll(part.Header.Tensors, Place))];
        NativeContent content = new(parts, new AlignedMemory((nuint)Math.Max(total, 1)));
        try
        {
            allocated?.Invoke(content._memory.Address, (nint)Math.Max(total, 1));
            nint[][] addresses = Array.ConvertAll(places, part => Array.ConvertAll(part, place => content._memory.Address + (nint)place));
            new ContentReader(parts, addresses, new ProgressReporter(progress, file.TensorBytes), cancellationToken).Run();
            content.SetAddresses(addresses);
            return content;
        }
        catch
        {
            content.Dispose();
            throw;
        }

        long Place(GgufTensor tensor)
        {
            long place = total;
            total = GgufLimits.AlignUp(place + tensor.ByteLength, AlignedMemory.Alignment);
            return place;
        }
    }

    private protected override void Release() => _memory.Dispose();
}
