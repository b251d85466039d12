using Moe.Inference.Tensors;

namespace Moe.Inference.Execution;

/// <summary>Brings a stretch of bytes; may be called by several threads at once.</summary>
/// <param name="offset">Where the stretch begins.</param>
/// <param name="destination">The memory to fill.</param>
public delegate void UploadReader(long offset, Span<byte> destination);

/// <summary>Bytes that go to a device.</summary>
/// <param name="Target">Device memory, all of which is to be filled.</param>
/// <param name="Read">Where the bytes come from, counted from the target's first.</param>
public sealed record DeviceUpload(DeviceBuffer Target, UploadReader Read);
