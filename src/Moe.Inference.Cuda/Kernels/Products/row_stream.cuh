// Products of rows of a block format with a few rows of 8-bit activations in shared memory: each warp streams rows of weights through
// a ring of its own, a step of 32 pieces (one for each lane) at a time, so that several steps are always under way.
// Scalar equivalent: result[r][t] = sum over i of weight[r][i] * x[t][i].
#pragma once
#include "lane_sums.cuh"
#include "shared_rows.cuh"

template <class F, int R>
struct Ring
{
    static constexpr int Blocks = 32 / F::Pieces;     // of a row and step
    static constexpr int StepBytes = Blocks * F::Bytes;
    static constexpr int RowBytes = (StepBytes + 15) / 16 * 16 + 16; // copies begin and end at multiples of 16
    static constexpr int Slots = R == 1 ? SLOTS_OF_ONE : SLOTS_OF_MORE;
    static constexpr int Bytes = R * RowBytes * Slots;
};

// Starts to copy a step of a row; what is before it in the same 16 bytes comes along.
template <class F, int R>
__device__ __forceinline__ void fetch_step(uint8* to, const uint8* row, int step, int blocks, int lane)
{
    const uint8* from = row + step * Ring<F, R>::StepBytes;
    const int before = (int)((uint64)from & 15);
    const int units = (before + min(Ring<F, R>::Blocks, blocks - step * Ring<F, R>::Blocks) * F::Bytes + 15) / 16;
    for (int unit = lane; unit < units; unit += 32)
        cp_async16(to + unit * 16, from - before + unit * 16);
}

// One lane's piece of R rows with T rows of activations; `position` is its block's first weight.
template <class F, int R, int T>
__device__ __forceinline__ void multiply_piece(const Piece (&w)[R], const SharedRows<F>& x, int position, int piece, float (&sums)[R][T])
{
    const int first = position + F::start(piece, 0), second = position + F::start(piece, 1);
    const int unit0 = shared_unit<F>(first / 16) * 16, unit1 = shared_unit<F>(second / 16) * 16;
#pragma unroll
    for (int t = 0; t < T; t++)
    {
        const uint4 a = *(const uint4*)(x.codes(t) + unit0), b = *(const uint4*)(x.codes(t) + unit1);
        const float scale = x.scales(t)[first / F::ActivationBlock];
#pragma unroll
        for (int r = 0; r < R; r++)
        {
            int dot0 = __dp4a((int)w[r].codes[0], (int)a.x, 0), dot1 = __dp4a((int)w[r].codes[4], (int)b.x, 0);
            dot0 = __dp4a((int)w[r].codes[1], (int)a.y, dot0);
            dot1 = __dp4a((int)w[r].codes[5], (int)b.y, dot1);
            dot0 = __dp4a((int)w[r].codes[2], (int)a.z, dot0);
            dot1 = __dp4a((int)w[r].codes[6], (int)b.z, dot1);
            dot0 = __dp4a((int)w[r].codes[3], (int)a.w, dot0);
            dot1 = __dp4a((int)w[r].codes[7], (int)b.w, dot1);
            float product = fmaf(w[r].scale[1], (float)dot1, w[r].scale[0] * (float)dot0);
            if (F::HasMinimum)
            {
                // A group's sum is that of two runs, of different pieces: each subtracts half of it.
                product = fmaf(-0.5f * w[r].minimum[0], x.sums(t)[first / 32], product);
                product = fmaf(-0.5f * w[r].minimum[1], x.sums(t)[second / 32], product);
            }
            sums[r][t] = fmaf(scale, product, sums[r][t]);
        }
    }
}

// The calling warp's rows: groups of R at begin, begin + stride, … before end, in the order of groups.
//   row(group, r)         the address of a group's row; it must be readable for every r below R.
//   prepare()             called once while the first copies are under way: fills x and waits for the block.
//   finish(group, sums)   called by all lanes with sums[r * T + t], each lane's own parts of them.
template <class F, int R, int T, class RowAt, class Prepare, class Finish>
__device__ __forceinline__ void stream_rows(
    const SharedRows<F>& x, uint8* memory, int begin, int end, int stride, RowAt row, Prepare prepare, Finish finish)
{
    using MyRing = Ring<F, R>;
    const int lane = threadIdx.x & 31;
    const int blocks = x.width / F::Length, steps = (blocks + MyRing::Blocks - 1) / MyRing::Blocks;

    int nextGroup = begin, nextStep = 0, nextSlot = 0;
    const auto fetch = [&]()
    {
        if (nextGroup < end)
        {
#pragma unroll
            for (int r = 0; r < R; r++)
                fetch_step<F, R>(memory + (nextSlot * R + r) * MyRing::RowBytes, row(nextGroup, r), nextStep, blocks, lane);
            if (++nextStep == steps)
            {
                nextStep = 0;
                nextGroup += stride;
            }
            nextSlot = nextSlot + 1 == MyRing::Slots ? 0 : nextSlot + 1;
        }
        cp_async_commit();
    };

    for (int i = 0; i < MyRing::Slots - 1; i++)
        fetch();
    prepare();

    const int piece = lane % F::Pieces, own = lane / F::Pieces; // the lane's piece, in which block of a step
    int slot = 0;
    for (int group = begin; group < end; group += stride)
    {
        float sums[R][T] = {};
        for (int step = 0; step < steps; step++)
        {
            cp_async_wait<MyRing::Slots - 2>();
            __syncwarp();
            fetch();
            const int block = step * MyRing::Blocks + own;
            if (block < blocks)
            {
                Piece w[R];
#pragma unroll
                for (int r = 0; r < R; r++)
                {
                    const int before = (int)((uint64)(row(group, r) + step * MyRing::StepBytes) & 15);
                    w[r] = F::unpack(memory + (slot * R + r) * MyRing::RowBytes + before + own * F::Bytes, piece);
                }
                multiply_piece<F, R, T>(w, x, block * F::Length, piece, sums);
            }
            slot = slot + 1 == MyRing::Slots ? 0 : slot + 1;
        }
        finish(group, sums);
    }
}
