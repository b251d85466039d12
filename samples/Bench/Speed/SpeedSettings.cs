using System.Text.Json.Serialization;

namespace Moe.Inference.Bench.Speed;

/// <summary>What is measured.</summary>
/// <param name="Prompt">Prompt tokens computed at once; 0 leaves prompts out.</param>
/// <param name="Generate">Tokens generated one after another; 0 leaves generation out.</param>
/// <param name="Depth">Tokens that every conversation holds beforehand.</param>
/// <param name="Parallel">Conversations that generate at once.</param>
/// <param name="Runs">Measured runs, after one that warms up.</param>
/// <param name="Seed">Where random tokens start.</param>
internal sealed record SpeedSettings(int Prompt, int Generate, int Depth, int Parallel, int Runs, ulong Seed)
{
    /// <summary>Tokens that a conversation must hold. Generation needs a token to begin with.</summary>
    public int ContextLength => checked(Depth + Math.Max(Prompt, Generate) + 1);

    /// <summary>Conversations, where they are several, and the tokens of each.</summary>
    [JsonIgnore]
    public string GenerationText => Parallel > 1 ? $"{Parallel} × {Generate}" : $"{Generate}";
}
