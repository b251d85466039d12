namespace Moe.Inference.Cpu.Simd;

/// <summary>Unpacks weights of one format to a tile; see <see cref="TilePart"/> for how they lie there.</summary>
internal unsafe interface ITileFormat
{
    /// <summary>Rows of a tile.</summary>
    static abstract int Rows { get; }

    /// <summary>Weights in a block.</summary>
    static abstract int BlockLength { get; }

    /// <summary>Bytes of a block of weights.</summary>
    static abstract int BlockBytes { get; }

    /// <summary>Blocks of a row unpacked at a time.</summary>
    static abstract int ChunkBlocks { get; }

    /// <summary>32-bit numbers per row and block beside the codes.</summary>
    static abstract int SideUnits { get; }

    /// <summary>Bytes of working memory while unpacking.</summary>
    static abstract int WorkBytes { get; }

    /// <summary>Unpacks some blocks of some rows.</summary>
    /// <param name="w">The first row.</param>
    /// <param name="rowBytes">Bytes from row to row.</param>
    /// <param name="rows">Rows there are; the rest of the tile repeats the last one.</param>
    /// <param name="block">The first block.</param>
    /// <param name="blocks">Blocks, at the most <see cref="ChunkBlocks"/>.</param>
    /// <param name="codes">Where codes go.</param>
    /// <param name="side">Where scales and the like go.</param>
    /// <param name="work">Working memory, aligned to 64 bytes.</param>
    /// <param name="ahead">What to ask for meanwhile, as much as is read.</param>
    static abstract void Unpack(byte* w, long rowBytes, int rows, int block, int blocks, uint* codes, uint* side, byte* work, ref WeightsAhead ahead);

    /// <summary>Whether <see cref="Pack"/> and <see cref="UnpackPacked"/> are there.</summary>
    static virtual bool CanPack => false;

    /// <summary>Packs the rows of a tile: as many bytes, in an order from which they are unpacked faster.</summary>
    /// <param name="w">The first row.</param>
    /// <param name="rowBytes">Bytes of a row.</param>
    /// <param name="packed">Where they go.</param>
    static virtual void Pack(byte* w, long rowBytes, byte* packed) => throw new NotSupportedException();

    /// <summary>Unpacks some blocks of packed rows; see <see cref="Unpack"/>.</summary>
    static virtual void UnpackPacked(byte* packed, int block, int blocks, uint* codes, uint* side, ref WeightsAhead ahead) => throw new NotSupportedException();

    /// <summary>The sums of activations of a prepared row from a block on.</summary>
    static abstract byte* Sums(byte* row, int k, int block);

    /// <summary>The scales of activations of a prepared row from a block on.</summary>
    static abstract float* Scales(byte* row, int k, int block);
}
