namespace Moe.Inference;

/// <summary>What memory is used for.</summary>
/// <param name="Name">What, for people: such as <c>experts of layers 0-17</c>.</param>
/// <param name="Bytes">How much of it.</param>
public sealed record MemoryConsumer(string Name, long Bytes);
