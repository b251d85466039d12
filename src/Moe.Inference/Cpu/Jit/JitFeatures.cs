using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace Moe.Inference.Cpu.Jit;

/// <summary>Instructions that .NET has no intrinsics for, as CPUID tells.</summary>
internal static partial class JitFeatures
{
    private const int AvxVnni512Bit = 11, AmxTileBit = 24, AmxInt8Bit = 25;
    private const int ArchPrctl = 158, RequestPermission = 0x1023, TileData = 18;

    private static readonly Lazy<bool> AmxAllowed = new(() => X86Base.X64.IsSupported && HasAmx() && AllowsTiles());

    /// <summary>AVX-512 with byte dot products (AVX512_VNNI).</summary>
    public static bool HasVnni512 { get; } =
        X86Base.X64.IsSupported && Avx512BW.IsSupported && Avx512DQ.IsSupported && ((Leaf7().Ecx >> AvxVnni512Bit) & 1) != 0;

    /// <summary>Tiles of bytes (AMX-INT8) that this process may use: on Linux it must ask first, and only Linux is known to grant them.</summary>
    public static bool HasTiles => AmxAllowed.Value;

    private static bool HasAmx()
    {
        int flags = Leaf7().Edx;
        return HasVnni512 && ((flags >> AmxTileBit) & 1) != 0 && ((flags >> AmxInt8Bit) & 1) != 0;
    }

    private static bool AllowsTiles() => OperatingSystem.IsLinux() && SystemCall(ArchPrctl, RequestPermission, TileData) == 0;

    private static (int Eax, int Ebx, int Ecx, int Edx) Leaf7() => X86Base.CpuId(0, 0).Eax >= 7 ? X86Base.CpuId(7, 0) : default;

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint SystemCall(nint number, nint code, nint argument);
}
