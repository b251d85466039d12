using System.Runtime.InteropServices;

namespace Moe.Inference.Cpu.Threading;

/// <summary>A counter alone on its cache lines (two, as processors fetch neighbours), so that threads do not disturb each other.</summary>
[StructLayout(LayoutKind.Explicit, Size = 128)]
internal struct PaddedCounter
{
    [FieldOffset(64)]
    public int Value;
}
