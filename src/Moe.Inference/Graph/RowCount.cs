namespace Moe.Inference.Graph;

/// <summary>What the number of rows of a value depends on.</summary>
public enum RowSymbol
{
    /// <summary>Nothing: a fixed number.</summary>
    One,

    /// <summary>The tokens of the micro-batch.</summary>
    Tokens,

    /// <summary>The rows whose logits are wanted.</summary>
    Outputs,

    /// <summary>The entries of all page tables of the micro-batch.</summary>
    Pages,
}

/// <summary>A symbolic number of rows: a whole multiple of a symbol.</summary>
/// <param name="Symbol">What it depends on.</param>
/// <param name="Multiplier">Rows per unit of the symbol.</param>
public readonly record struct RowCount(RowSymbol Symbol, int Multiplier = 1)
{
    /// <summary>One row per token.</summary>
    public static RowCount Tokens { get; } = new(RowSymbol.Tokens);

    /// <summary>One row per wanted position.</summary>
    public static RowCount Outputs { get; } = new(RowSymbol.Outputs);

    /// <summary>The number for a run of a given size.</summary>
    public int Resolve(in RunSize size) => checked(Multiplier * Symbol switch
    {
        RowSymbol.Tokens => size.Tokens,
        RowSymbol.Outputs => size.Outputs,
        RowSymbol.Pages => size.Pages,
        _ => 1,
    });

    /// <summary>This many rows for each row there is now.</summary>
    public RowCount Times(int factor) => this with { Multiplier = checked(Multiplier * factor) };

    /// <inheritdoc/>
    public override string ToString()
    {
        string letter = Symbol switch { RowSymbol.Tokens => "T", RowSymbol.Outputs => "R", RowSymbol.Pages => "P", _ => "1" };
        return Multiplier == 1 ? letter : Symbol == RowSymbol.One ? $"{Multiplier}" : $"{Multiplier}{letter}";
    }
}
