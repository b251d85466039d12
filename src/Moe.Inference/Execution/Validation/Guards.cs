using Moe.Inference.Planning;
using Moe.Inference.Tensors;

namespace Moe.Inference.Execution.Validation;

/// <summary>The free bytes around a piece of arena memory: written before a step, looked at after it.</summary>
internal sealed class Guards(IBackend backend, DeviceBuffer arena)
{
    private const int Length = ValidationSettings.GuardBytes;
    private static readonly byte[] Pattern = [.. Enumerable.Repeat(ValidationSettings.GuardPattern, Length)];
    private readonly byte[] _found = new byte[Length];

    /// <summary>Writes the guards of a piece.</summary>
    public void Set(ArenaSlot slot)
    {
        backend.Write(arena, slot.Offset - Length, Pattern);
        backend.Write(arena, slot.Offset + slot.Bytes, Pattern);
    }

    /// <summary>What is wrong with the guards of a piece, or null.</summary>
    public string? Check(ArenaSlot slot, string name) =>
        CheckAt(slot.Offset - Length, name, before: true) ?? CheckAt(slot.Offset + slot.Bytes, name, before: false);

    private string? CheckAt(long offset, string name, bool before)
    {
        backend.Read(arena, offset, _found);
        int intact = _found.AsSpan().CommonPrefixLength(Pattern);
        if (intact == Length)
            return null;
        return before ? $"wrote {Length - intact} bytes or fewer before the start of {name}" : $"wrote beyond the end of {name}, {intact} bytes behind it";
    }
}
