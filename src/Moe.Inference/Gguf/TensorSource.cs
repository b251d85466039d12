namespace Moe.Inference.Gguf;

/// <summary>A tensor that waits to be written.</summary>
/// <param name="Tensor">Its name, type and sizes; its place is not decided yet.</param>
/// <param name="Write">Writes its bytes.</param>
internal readonly record struct TensorSource(GgufTensor Tensor, Action<Stream> Write);
