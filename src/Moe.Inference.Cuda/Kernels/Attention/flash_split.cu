// Attention of few tokens: a block has one part of one token's context and up to 16 query heads that share a key/value head. KV is the
// format of the memory, KEY and VALUE the widths of heads.
//
// Each warp takes 16 keys at a time, every fourth sixteen, and loads them itself; the warps' sums are joined in shared memory. Where the
// context has several parts, the result waits in scratch memory for flash_join. How a token's context is cut depends on its length alone.
#include "geometry.cuh"
#include "ptx.cuh"
#include "flash_parts.cuh"
#include "flash_tiles.cuh"

constexpr int Warps = 4, Keys = 16, Stages = 3;

typedef KeyTileOf<KV, KEY, Keys, 32> KeyTile;
typedef ValueTileOf<KV, VALUE, Keys, 32> ValueTile;

constexpr int StageBytes = KeyTile::StageBytes + ValueTile::StageBytes;
constexpr int PlaneBytes = KeyTile::PlaneBytes > ValueTile::PlaneBytes ? KeyTile::PlaneBytes : ValueTile::PlaneBytes;
constexpr int WarpBytes = Stages * StageBytes + PlaneBytes;
static_assert(StageBytes % 16 == 0 && PlaneBytes % 16 == 0, "copies go in sixteens");

typedef FlashRows<KEY, VALUE> Rows;

// What the warps leave for each other.
struct Joint
{
    float sum[Warps][16][VALUE];
    float most[Warps][16], total[Warps][16];
};

static_assert(SHARED >= Warps * WarpBytes && SHARED >= sizeof(Joint), "both sides must agree");

__device__ __forceinline__ void leave(Joint& joint, Rows& rows, int warp)
{
    int g = threadIdx.x % 32 / 4, pair = threadIdx.x % 4 * 2;
    rows.finish();
    #pragma unroll
    for (int r = 0; r < 2; r++)
    {
        joint.most[warp][g + 8 * r] = rows.most[r];
        joint.total[warp][g + 8 * r] = rows.total[r];
        #pragma unroll
        for (int j = 0; j < VALUE / 8; j++)
        {
            joint.sum[warp][g + 8 * r][8 * j + pair] = rows.sum[j][2 * r];
            joint.sum[warp][g + 8 * r][8 * j + pair + 1] = rows.sum[j][2 * r + 1];
        }
    }
}

// The warps' sums in the order of the warps; a thread has every 128th element.
__device__ __forceinline__ void join_warps(const FlashGeometry& g, const Joint& joint, long long firstHead, int heads, int part, int parts)
{
    for (int i = threadIdx.x; i < heads * VALUE; i += blockDim.x)
    {
        int row = i / VALUE, column = i % VALUE;
        float most = joint.most[0][row];
        for (int warp = 1; warp < Warps; warp++)
            most = fmaxf(most, joint.most[warp][row]);
        float sum = 0, total = 0;
        for (int warp = 0; warp < Warps; warp++)
        {
            float factor = exp2_approximate(joint.most[warp][row] - most);
            sum += factor * joint.sum[warp][row][column];
            total += factor * joint.total[warp][row];
        }

        if (parts == 1)
            g.result[(firstHead + row) * VALUE + column] = sum / total;
        else
            write_part(g, firstHead + row, part, column, sum, most, total);
    }
}

extern "C" __global__ void __launch_bounds__(32 * Warps) flash_split(const FlashGeometry g)
{
    grid_dependency_launch();
    // Lengths and pages were copied to the device before any kernel of this run.
    int part = blockIdx.x, kvHead = blockIdx.y / g.headTiles, tile = blockIdx.y % g.headTiles, token = blockIdx.z;
    int length = g.lengths[token], start = g.starts[token];
    int partLength = part_length(length), first = part * partLength, last = min(length, first + partLength);
    if (first >= last)
        return; // blocks of the longest context's length have all its parts, so that some block waits

    int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    uint8* memory = dynamic_shared() + warp * WarpBytes;
    uint8* planes = memory + Stages * StageBytes;
    Sequence keys = { g.keys, g.pages + start, kvHead, g.kvHeads, g.pageShift };
    Sequence values = { g.values, g.pages + start, kvHead, g.kvHeads, g.pageShift };
    int next = first + warp * Keys, stage = 0;
    auto load = [&](int position, int into)
    {
        if (position < last)
        {
            KeyTile::load(memory + into * StageBytes, keys, position, min(Keys, last - position), lane);
            ValueTile::load(memory + into * StageBytes + KeyTile::StageBytes, values, position, min(Keys, last - position), lane);
        }

        cp_async_commit();
    };
    // Keys of earlier runs need not wait for this one's, of which a sequence has at the most as many as there are tokens.
    int ahead = 0;
    for (; ahead < Stages - 1 && next + ahead * Warps * Keys + Keys <= length - g.tokens; ahead++)
        load(next + ahead * Warps * Keys, ahead);
    grid_dependency_wait();
    for (; ahead < Stages - 1; ahead++)
        load(next + ahead * Warps * Keys, ahead);

    int group = g.heads / g.kvHeads, heads = min(g.headsPerTile, group - tile * g.headsPerTile);
    long long firstHead = (long long)token * g.heads + kvHead * group + tile * g.headsPerTile;
    const float* queries = g.queries + firstHead * KEY;
    Rows rows;
    rows.begin(lane / 4 < heads ? queries + lane / 4 * KEY : nullptr, lane / 4 + 8 < heads ? queries + (lane / 4 + 8) * KEY : nullptr, g.scale);

    for (; next < last; next += Warps * Keys, stage = (stage + 1) % Stages)
    {
        load(next + (Stages - 1) * Warps * Keys, (stage + Stages - 1) % Stages);
        cp_async_wait<Stages - 1>();
        __syncwarp();
        int count = min(Keys, last - next);
        uint8* keyStage = memory + stage * StageBytes;
        uint8* valueStage = keyStage + KeyTile::StageBytes;
        const int limits[2] = { count, count };
        float scores[Keys / 8][4];
        KeyTile::decode(keyStage, planes, count, lane);
        __syncwarp();
        KeyTile::multiply(rows, scores, keyStage, planes);
        rows.weigh<Keys>(scores, limits);
        __syncwarp();
        ValueTile::decode(valueStage, planes, count, lane);
        __syncwarp();
        ValueTile::add(rows, scores, valueStage, planes, count);
        // The next copy goes where this warp has just read.
        __syncwarp();
    }

    cp_async_wait<0>();
    __syncthreads();
    Joint& joint = *(Joint*)dynamic_shared();
    leave(joint, rows, warp);
    __syncthreads();
    join_warps(g, joint, firstHead, heads, part, part_count(length));
}
