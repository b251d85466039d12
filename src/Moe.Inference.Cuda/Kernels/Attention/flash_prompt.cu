// Attention of many tokens: a block has the query rows (a row is a token and a head) of neighbouring tokens for one key/value head, 16 rows
// a warp, and walks through the context 64 keys at a time. KV is the format of the memory, KEY and VALUE the widths of heads.
//
// Tokens of several sequences may follow each other: the block takes one sequence after the other, while the rows of the others see no key.
// Where many are expected, several blocks share them.
#include "geometry.cuh"
#include "ptx.cuh"
#include "flash_tiles.cuh"

constexpr int Warps = ROWS / 16, Threads = 32 * Warps, Keys = 64;

typedef KeyTileOf<KV, KEY, Keys, Threads> KeyTile;
typedef ValueTileOf<KV, VALUE, Keys, Threads> ValueTile;

constexpr int StageBytes = KeyTile::StageBytes + ValueTile::StageBytes;
static_assert(StageBytes % 16 == 0 && KeyTile::StageBytes % 16 == 0, "copies go in sixteens");
static_assert(SHARED == 2 * StageBytes + KeyTile::PlaneBytes + ValueTile::PlaneBytes, "both sides must agree");

typedef FlashRows<KEY, VALUE> Rows;

// The tokens of a block that belong to one sequence.
struct Run
{
    int first, last, longest;

    __device__ __forceinline__ Run(const FlashGeometry& g, int from, int end)
    {
        first = from;
        last = from + 1;
        longest = g.lengths[from];
        for (; last < end && g.starts[last] == g.starts[from]; last++)
            longest = max(longest, g.lengths[last]);
    }
};

__device__ __forceinline__ void attend(const FlashGeometry& g, Rows& rows, const Run& run, int kvHead, const int (&lengths)[2])
{
    uint8* memory = dynamic_shared();
    uint8* keyPlanes = memory + 2 * StageBytes;
    uint8* valuePlanes = keyPlanes + KeyTile::PlaneBytes;
    const int* table = g.pages + g.starts[run.first];
    Sequence keys = { g.keys, table, kvHead, g.kvHeads, g.pageShift };
    Sequence values = { g.values, table, kvHead, g.kvHeads, g.pageShift };
    int warpLongest = (int)__reduce_max_sync(0xFFFFFFFFu, max(lengths[0], lengths[1]));
    auto load = [&](int position, int stage)
    {
        if (position < run.longest)
        {
            int count = min(Keys, run.longest - position);
            KeyTile::load(memory + stage * StageBytes, keys, position, count, threadIdx.x);
            ValueTile::load(memory + stage * StageBytes + KeyTile::StageBytes, values, position, count, threadIdx.x);
        }

        cp_async_commit();
    };
    load(0, 0);
    for (int position = 0, stage = 0; position < run.longest; position += Keys, stage ^= 1)
    {
        load(position + Keys, stage ^ 1);
        cp_async_wait<1>();
        __syncthreads();
        uint8* keyStage = memory + stage * StageBytes;
        uint8* valueStage = keyStage + KeyTile::StageBytes;
        int count = min(Keys, run.longest - position);
        if (KeyTile::PlaneBytes > 0)
        {
            KeyTile::decode(keyStage, keyPlanes, count, threadIdx.x);
            ValueTile::decode(valueStage, valuePlanes, count, threadIdx.x);
            __syncthreads();
        }

        if (position < warpLongest)
        {
            const int limits[2] = { lengths[0] - position, lengths[1] - position };
            float scores[Keys / 8][4];
            KeyTile::multiply(rows, scores, keyStage, keyPlanes);
            rows.weigh<Keys>(scores, limits);
            ValueTile::add(rows, scores, valueStage, valuePlanes, count);
        }

        // The next copy goes where this step has just read.
        __syncthreads();
    }
}

extern "C" __global__ void __launch_bounds__(Threads) flash_prompt(const FlashGeometry g)
{
    grid_dependency_launch();
    grid_dependency_wait();
    // The last tokens see the most: they go first.
    int block = g.tokenBlocks - 1 - blockIdx.y, kvHead = blockIdx.x / g.headTiles, tile = blockIdx.x % g.headTiles;
    int firstToken = block * g.tokensPerBlock, endToken = min(g.tokens, firstToken + g.tokensPerBlock);
    int group = g.heads / g.kvHeads, heads = min(g.headsPerTile, group - tile * g.headsPerTile);
    int lane = threadIdx.x % 32, pair = lane % 4 * 2;

    int token[2], lengths[2];
    long long outRow[2];
    const float* queries[2];
    #pragma unroll
    for (int r = 0; r < 2; r++)
    {
        int row = threadIdx.x / 32 * 16 + lane / 4 + 8 * r;
        token[r] = firstToken + row / g.headsPerTile;
        bool inside = token[r] < endToken && row % g.headsPerTile < heads;
        token[r] = inside ? token[r] : -1;
        outRow[r] = (long long)token[r] * g.heads + kvHead * group + tile * g.headsPerTile + row % g.headsPerTile;
        queries[r] = inside ? g.queries + outRow[r] * KEY : nullptr;
        lengths[r] = inside ? g.lengths[token[r]] : 0;
    }

    Rows rows;
    rows.begin(queries[0], queries[1], g.scale);
    bool mine[2] = { false, false };
    for (int from = firstToken, number = 0; from < endToken; number++)
    {
        Run run(g, from, endToken);
        from = run.last;
        if (number % gridDim.z != blockIdx.z)
            continue;
        int seen[2];
        #pragma unroll
        for (int r = 0; r < 2; r++)
        {
            bool inside = token[r] >= run.first && token[r] < run.last;
            seen[r] = inside ? lengths[r] : 0;
            mine[r] |= inside;
        }

        attend(g, rows, run, kvHead, seen);
    }

    rows.finish();
    #pragma unroll
    for (int r = 0; r < 2; r++)
    {
        if (!mine[r])
            continue;
        float factor = 1.0f / rows.total[r];
        float* out = g.result + outRow[r] * VALUE + pair;
        #pragma unroll
        for (int j = 0; j < VALUE / 8; j++)
            *(float2*)(out + 8 * j) = make_float2(rows.sum[j][2 * r] * factor, rows.sum[j][2 * r + 1] * factor);
    }
}
