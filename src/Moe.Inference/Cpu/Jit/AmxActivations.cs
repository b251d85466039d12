using System.Runtime.Intrinsics;
using Moe.Inference.Cpu.Simd;

namespace Moe.Inference.Cpu.Jit;

/// <summary>Brings what AMX routines want to know of 16 tokens to working memory: what depends on activations only, and their scales.</summary>
internal abstract unsafe class AmxActivations
{
    /// <summary>Bytes of working memory of the routine.</summary>
    public abstract int WorkBytes { get; }

    /// <summary>Fills the working memory of a part for its first 16 tokens.</summary>
    public abstract void Prepare(in TilePart part);
}

/// <summary>For <see cref="SuperAmxCode"/>.</summary>
internal sealed unsafe class SuperAmxActivations(SuperTraits traits) : AmxActivations
{
    private const int ChunkBlocks = Tiling.SuperChunk, SlotInts = 16;

    public override int WorkBytes => SuperAmxCode.WorkBytes;

    public override void Prepare(in TilePart part)
    {
        int* slot = (int*)part.Work;
        float* scales = (float*)(part.Work + SuperAmxCode.ScalesAt);
        for (int token = 0; token < AmxCode.Tokens; token++)
        {
            short* sums = (short*)(part.Sums + (token * part.XStride));
            float* from = (float*)((byte*)part.Scales + (token * part.XStride));
            for (int block = 0; block < part.Blocks; block++, sums += traits.HasMinimums ? 8 : 16)
            {
                scales[(token * ChunkBlocks) + block] = from[block];
                Fill(sums, slot + (((token * ChunkBlocks) + block) * SlotInts));
            }
        }
    }

    // Sums of activations of pairs of groups of 32, or starts of sums of all groups.
    private void Fill(short* sums, int* slot)
    {
        if (traits.HasMinimums)
        {
            Vector128.Load(sums).Store((short*)slot);
            return;
        }
        Vector128<short> even = Vector128.Load(sums), odd = Vector128.Load(sums + 8);
        Vector256<int> wideEven = Vector256.Create(Vector128.WidenLower(even), Vector128.WidenUpper(even));
        Vector256<int> wideOdd = Vector256.Create(Vector128.WidenLower(odd), Vector128.WidenUpper(odd));
        if (traits.GroupLength == 32)
            wideEven += wideOdd;
        (wideEven * -traits.ZeroPoint).Store(slot);
        (wideOdd * -traits.ZeroPoint).Store(slot + 8);
    }
}

/// <summary>For <see cref="SmallAmxCode"/>.</summary>
internal sealed unsafe class SmallAmxActivations(int zeroPoint) : AmxActivations
{
    private const int SlotInts = 16;

    public override int WorkBytes => SmallAmxCode.WorkBytes;

    public override void Prepare(in TilePart part)
    {
        int* slot = (int*)part.Work;
        float* scales = (float*)(part.Work + SmallAmxCode.ScalesAt);
        for (int token = 0; token < AmxCode.Tokens; token++, slot += SlotInts, scales += SlotInts)
        {
            int* sums = (int*)(part.Sums + (token * part.XStride));
            float* from = (float*)((byte*)part.Scales + (token * part.XStride));
            for (int block = 0; block < part.Blocks; block++)
                (slot[block], scales[block]) = (-zeroPoint * sums[block], from[block]);
        }
    }
}
