namespace Moe.Inference;

/// <summary>What a session's last request took.</summary>
/// <param name="PromptTokens">Tokens that were given, computed or reused.</param>
/// <param name="ReusedTokens">Of these, tokens whose keys and values were in memory already.</param>
/// <param name="PromptTime">From the request to the first logits.</param>
/// <param name="GeneratedTokens">Tokens that were generated.</param>
/// <param name="GenerationTime">From the first logits to the end.</param>
public readonly record struct SessionStatistics(int PromptTokens, int ReusedTokens, TimeSpan PromptTime, int GeneratedTokens, TimeSpan GenerationTime)
{
    /// <summary>Prompt tokens computed per second; 0 if none was.</summary>
    public double PromptTokensPerSecond => Rate(PromptTokens - ReusedTokens, PromptTime);

    /// <summary>Tokens generated per second after the first; 0 if there was none.</summary>
    public double GeneratedTokensPerSecond => Rate(GeneratedTokens - 1, GenerationTime);

    private static double Rate(int count, TimeSpan time) => count <= 0 || time <= TimeSpan.Zero ? 0 : count / time.TotalSeconds;
}
