using System.Reflection;
using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Cuda.Kernels;

namespace Moe.Inference.Cuda.Tests.Compilation;

/// <summary>A launch that leaves work out, or has blocks without work, is refused before it begins.</summary>
public class GeometryCheckTests
{
    // A right one of each, the numbers that may be neither one less nor one more, and values that are wrong.
    private static readonly (IKernelGeometry Right, string[] Cuts, (string Name, object Value)[] Wrong)[] Cases =
    [
        (new ElementwiseGeometry { Count = 2049, PerBlock = 1024, Blocks = 3 }, ["Blocks"], [("Count", 2048L), ("Count", 3073L), ("PerBlock", 0)]),
        (new NormGeometry { Groups = 9, PerBlock = 4, Blocks = 3, Threads = 128, Width = 64 }, ["Blocks"], [("Groups", 8L), ("Groups", 13L)]),
        (new AddNormGeometry { Rows = 3, Width = 64, Threads = 32 }, [], [("Threads", 33), ("Threads", 1056), ("Width", 0)]),
        (new RopeStoreGeometry { Rows = 9, PerBlock = 4, Blocks = 3, HeadWidth = 32, ValueWidth = 48, Widest = 48, Pairs = 16 }, ["Blocks"], [("Rows", 8L), ("Pairs", 17), ("Pairs", 0), ("Widest", 47)]),
        (new RopeTableGeometry { Items = 129, PerBlock = 128, Blocks = 2 }, ["Blocks"], [("Items", 128L)]),
        (new RopeGeometry { Items = 129, PerBlock = 128, Blocks = 2, Pairs = 16, HeadWidth = 32 }, ["Blocks"], [("Items", 128), ("Pairs", 17)]),
        (new RouteGeometry { Tokens = 5, PerBlock = 4, Blocks = 2, Experts = 8, Used = 2 }, ["Blocks"], [("Tokens", 4), ("Used", 9), ("Used", 0)]),
        (new StackedGeometry { Width = 129, PerBlock = 128, Blocks = 2, Count = 3, Slot = 2, Tokens = 1 }, ["Blocks"], [("Width", 128), ("Slot", 3), ("Slot", -1)]),
        (new TopLogitsGeometry { Rows = 2, Width = 5 }, [], [("Width", 0), ("Logits", new DevicePointer<float>(8))]),
        (new KvStoreGeometry { Pieces = 9, PerBlock = 4, Blocks = 3, Tokens = 1 }, ["Blocks"], [("Pieces", 8)]),
        (new MaskedSoftmaxGeometry { Rows = 6, Blocks = 6, Heads = 2 }, ["Blocks"], [("Rows", 5)]),
        (new ComposedAttentionGeometry { Rows = 8, Heads = 4, KvHeads = 2, Parts = 3 }, [], [("Rows", 7), ("KvHeads", 3), ("Parts", 0)]),
        (new ExpertRowsGeometry { Rows = 33, PerBlock = 16, Blocks = 3, Warps = 8, RowBytes = 10, MatrixBytes = 330, Entries = 2, Together = 2 }, ["Blocks", "Rows"], [("MatrixBytes", 320L), ("Warps", 0), ("Split", 2), ("Together", 0), ("Together", 5)]),
        (new ExpertSumGeometry { Rows = 33, PerBlock = 16, Blocks = 3, Warps = 8, RowBytes = 10, MatrixBytes = 330, Used = 2, Tokens = 2 }, ["Blocks", "Rows"], [("MatrixBytes", 320L), ("Used", 0), ("Used", 33), ("Split", 2)]),
        (new GatherGeometry { Rows = 2, TableRows = 1, Width = 32 }, [], [("TableRows", 0)]),
        (new MatVecGeometry { Rows0 = 17, Rows1 = 16, First1 = 2, First2 = 3, First3 = 3, Blocks = 3, PerBlock = 16, Warps = 8, Groups = 1 }, ["Blocks", "First1", "First2", "First3"], [("Rows0", 16), ("Rows1", 17), ("Rows2", 1), ("Split", 3), ("Groups", 0)]),
        (new QuantizeGeometry { Width = 64, Rows = 2 }, [], [("Width", 63), ("Width", 65)]),
        (Flash with { X = 12, Y = 1, Z = 1 }, ["X", "Y", "Z", "TokenBlocks", "HeadTiles"], []),
        (Flash with { Parts = 5, X = 5, Y = 4, Z = 3 }, ["X", "Y", "Z", "TokenBlocks", "HeadTiles"], []),
        (Flash with { TokensPerBlock = 2, TokenBlocks = 2, X = 4, Y = 2, Z = 1 }, ["X", "Y", "TokenBlocks", "HeadTiles"], [("Z", 0)]),
        (new TiledProductGeometry { Rows0 = 65, Rows1 = 64, First1 = 2, First2 = 3, First3 = 3, RowBlocks = 3, RowsPerBlock = 64, Tokens = 33, TokensPerBlock = 32, TokenBlocks = 2 }, ["RowBlocks", "TokenBlocks", "First1", "First2", "First3"], [("Rows0", 64), ("Tokens", 32), ("Weights0", new DevicePointer<byte>(8)), ("Weights3", new DevicePointer<byte>(8))]),
        (new SplitProductGeometry { Rows = 65, RowsPerBlock = 64, RowBlocks = 2, Tokens = 33, TokensPerBlock = 32, TokenBlocks = 2 }, ["RowBlocks", "TokenBlocks"], [("Rows", 64), ("Tokens", 32)]),
        (new GroupRowsGeometry { Rows = 3, Experts = 2 }, [], [("Rows", 0)]),
        (new ClearElsewhereGeometry { Rows = 9, RowsPerBlock = 8, Blocks = 2 }, ["Blocks"], [("Rows", 8)]),
        (new GroupedProductGeometry { Rows = 65, RowsPerBlock = 64, RowBlocks = 2, RowBytes = 8, SliceBytes = 520, Experts = 2, Sorted = 65, PieceBlocks = 3, PieceParts = 1 }, ["RowBlocks", "PieceBlocks"], [("Rows", 64), ("SliceBytes", 512L), ("SliceBytes", 528L), ("Sorted", 63), ("Sorted", 128), ("Experts", 1), ("PieceParts", 3), ("Weights", new DevicePointer<byte>(8)), ("SecondWeights", new DevicePointer<byte>(8))]),
    ];

    private static FlashGeometry Flash => new() { Tokens = 3, Heads = 4, KvHeads = 2, HeadsPerTile = 1, HeadTiles = 2, TokensPerBlock = 1, TokenBlocks = 3, Parts = 1 };

    public static TheoryData<int, string> Numbers
    {
        get
        {
            TheoryData<int, string> data = [];
            for (int number = 0; number < Cases.Length; number++)
                data.Add(number, Cases[number].Right.GetType().Name);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Numbers))]
    public void A_damaged_cut_is_refused(int number, string name)
    {
        (IKernelGeometry right, string[] cuts, (string Name, object Value)[] wrong) = Cases[number];
        right.Invoking(geometry => geometry.Check()).Should().NotThrow($"{name} is right");
        IEnumerable<(string, object)> steps = cuts.SelectMany(cut => ((int[])[-1, 1]).Select(step => (cut, (object)((int)Property(right, cut).GetValue(right)! + step))));
        foreach ((string property, object value) in steps.Concat(wrong))
            With(right, property, value).Invoking(geometry => geometry.Check()).Should().Throw<InvalidOperationException>($"{property} = {value} is wrong in {right}");
    }

    [Fact]
    public void Every_geometry_has_a_case() => Cases.Select(one => one.Right.GetType()).Distinct().Should().BeEquivalentTo(GeometryDeclarationTests.All);

    private static PropertyInfo Property(object geometry, string name) => geometry.GetType().GetProperty(name)!;

    private static IKernelGeometry With(IKernelGeometry right, string property, object value)
    {
        // A copy in a box of its own.
        object damaged = right.GetType().GetMethod(nameof(MemberwiseClone), BindingFlags.Instance | BindingFlags.NonPublic)!.Invoke(right, null)!;
        Property(right, property).SetValue(damaged, value);
        return (IKernelGeometry)damaged;
    }
}
