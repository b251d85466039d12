using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Moe.Inference.Quantization;

/// <summary>Takes bit fields out of packed bytes.</summary>
internal static class Nibbles
{
    /// <summary>The lower four bits of each byte.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Low(Vector256<byte> bytes) => bytes & Vector256.Create((byte)0x0F);

    /// <summary>The upper four bits of each byte.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> High(Vector256<byte> bytes) => (bytes.AsUInt16() >>> 4).AsByte() & Vector256.Create((byte)0x0F);

    /// <summary>The lower four bits of each byte.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<byte> Low(Vector512<byte> bytes) => bytes & Vector512.Create((byte)0x0F);

    /// <summary>The upper four bits of each byte.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<byte> High(Vector512<byte> bytes) => (bytes.AsUInt16() >>> 4).AsByte() & Vector512.Create((byte)0x0F);

    /// <summary>16 bytes hold 32 nibbles: the lower ones become lanes 0..15, the upper ones lanes 16..31.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe Vector256<byte> Split(byte* p)
    {
        Vector128<byte> bytes = Vector128.Load(p);
        return Low(Vector256.Create(bytes, (bytes.AsUInt16() >>> 4).AsByte()));
    }

    /// <summary>Shifts each byte's field of <paramref name="mask"/> (already in place at the bit <paramref name="from"/>) to the bit <paramref name="to"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Move(Vector256<byte> bytes, int from, int to, byte mask)
    {
        Vector256<ushort> wide = bytes.AsUInt16();
        Vector256<ushort> moved = from >= to ? wide >>> (from - to) : wide << (to - from);
        return moved.AsByte() & Vector256.Create((byte)(mask << to));
    }

    /// <inheritdoc cref="Move(Vector256{byte}, int, int, byte)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<byte> Move(Vector512<byte> bytes, int from, int to, byte mask)
    {
        Vector512<ushort> wide = bytes.AsUInt16();
        Vector512<ushort> moved = from >= to ? wide >>> (from - to) : wide << (to - from);
        return moved.AsByte() & Vector512.Create((byte)(mask << to));
    }

    /// <summary>Byte i of the result is nibble i of the argument, lowest first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Spread4(uint nibbles)
    {
        if (Bmi2.X64.IsSupported)
            return Bmi2.X64.ParallelBitDeposit(nibbles, 0x0F0F_0F0F_0F0F_0F0F);
        ulong x = nibbles;
        x = (x | (x << 16)) & 0x0000_FFFF_0000_FFFF;
        x = (x | (x << 8)) & 0x00FF_00FF_00FF_00FF;
        return (x | (x << 4)) & 0x0F0F_0F0F_0F0F_0F0F;
    }

    /// <summary>Byte i of the result is the pair of bits i of the argument, lowest first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Spread2(ushort pairs)
    {
        if (Bmi2.X64.IsSupported)
            return Bmi2.X64.ParallelBitDeposit(pairs, 0x0303_0303_0303_0303);
        ulong x = pairs;
        x = (x | (x << 24)) & 0x0000_00FF_0000_00FF;
        x = (x | (x << 12)) & 0x000F_000F_000F_000F;
        return (x | (x << 6)) & 0x0303_0303_0303_0303;
    }
}
