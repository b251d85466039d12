using Iced.Intel;
using Moe.Inference.Cpu.Simd;
using static Iced.Intel.AssemblerRegisters;

namespace Moe.Inference.Cpu.Jit;

/// <summary>
/// Blocks of 32 weights with one scale. A block's sum starts at what the zero point adds to it, negative, and becomes one float multiply-add.
/// The arithmetic of <see cref="SmallKernel{T, R}"/>, to the last bit.
/// </summary>
/// <param name="zeroPoint">What is to be subtracted from each code: a power of two.</param>
/// <param name="tokens">Tokens.</param>
internal sealed class SmallVnniCode(int zeroPoint, int tokens) : VnniCode(tokens)
{
    // Working memory, per token: starts of the sums of up to 16 blocks.
    private const int SlotBytes = 64;
    private const int BlockSteps = 8;

    /// <summary>Bytes of working memory.</summary>
    public const int WorkBytes = MaxTokens * SlotBytes;

    private static AssemblerRegister64 Work => r11;

    protected override void Group()
    {
        LoadStarted();
        LoadField(Work, nameof(TilePart.Work));
        LoadField(r10, nameof(TilePart.XStride));
        Prepare();
        LoadField(Codes, nameof(TilePart.Codes));
        LoadField(Side, nameof(TilePart.Side));
        LoadAddresses(X, nameof(TilePart.X));
        LoadAddresses(Scales, nameof(TilePart.Scales));
        LoadField(Results, nameof(TilePart.Y));
        MoveTotals(load: true);
        LoadField(rsi, nameof(TilePart.Blocks));
        Label next = Asm.CreateLabel();
        Asm.Label(ref next);
        for (int token = 0; token < Tokens; token++)
            StartSums(token, __dword_ptr[Work + (token * SlotBytes)]);
        AddProducts(0, BlockSteps);
        Finish();
        Asm.add(Codes, BlockSteps * RowsBytes);
        Asm.add(Side, RowsBytes);
        Asm.add(Work, sizeof(int));
        Asm.add(r8, 32);
        Asm.add(r9, 32);
        Asm.add(r13, sizeof(float));
        Asm.add(r14, sizeof(float));
        Asm.dec(rsi);
        Asm.jnz(next);
        MoveTotals(load: false);
    }

    // As many sums of activations as there are blocks, times the zero point, negative.
    private void Prepare()
    {
        LoadAddresses(X, nameof(TilePart.Sums));
        LoadField(rcx, nameof(TilePart.Blocks));
        Asm.mov(eax, -1);
        Asm.bzhi(eax, eax, ecx);
        Asm.kmovd(k5, eax);
        Asm.vpxord(zmm4, zmm4, zmm4);
        for (int token = 0; token < Tokens; token++)
        {
            Asm.vmovdqu32(zmm3.k5.z, __zmmword_ptr[X.Of(token)]);
            Asm.vpslld(zmm3, zmm3, (byte)System.Numerics.BitOperations.Log2((uint)zeroPoint));
            Asm.vpsubd(zmm3, zmm4, zmm3);
            Asm.vmovdqa64(__zmmword_ptr[Work + (token * SlotBytes)], zmm3);
        }
    }

    private void Finish()
    {
        for (int half = 0; half < 2; half++)
            Asm.vmovaps(Rows(half), __zmmword_ptr[Side + (half * VectorBytes)]);
        for (int token = 0; token < Tokens; token++)
        {
            Asm.vbroadcastss(Repeated, __dword_ptr[Scales.Of(token)]);
            for (int half = 0; half < 2; half++)
            {
                Asm.vcvtdq2ps(Sum(token, half), Sum(token, half));
                Asm.vmulps(Free(half), Rows(half), Repeated);
                Asm.vfmadd231ps(Total(token, half), Sum(token, half), Free(half));
            }
        }
    }

    private void MoveTotals(bool load)
    {
        for (int token = 0; token < Tokens; token++)
        {
            for (int half = 0; half < 2; half++)
            {
                if (load)
                    Asm.vmovaps(Total(token, half).k1.z, Result(token, half));
                else
                    Asm.vmovaps(Result(token, half), Total(token, half));
            }
        }
    }
}
