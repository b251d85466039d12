namespace Moe.Inference.Graph;

/// <summary>The numbers behind the symbols of a graph: those of one run, or the largest a plan is made for.</summary>
/// <param name="Tokens">Tokens of the micro-batch.</param>
/// <param name="Outputs">Positions whose logits are wanted.</param>
/// <param name="Pages">Entries of all page tables together.</param>
/// <param name="Context">Longest sequence, in tokens.</param>
public readonly record struct RunSize(int Tokens, int Outputs, int Pages, int Context);
