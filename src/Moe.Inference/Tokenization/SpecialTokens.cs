namespace Moe.Inference.Tokenization;

/// <summary>The ids that have a role in a vocabulary; null where it has none.</summary>
internal sealed record SpecialTokens
{
    public int? Bos { get; init; }
    public int? Eos { get; init; }
    public int? Eot { get; init; }
    public int? Eom { get; init; }
    public int? Unknown { get; init; }
    public int? Padding { get; init; }
    public int? Separator { get; init; }
    public int? Mask { get; init; }

    // Files written before the end-of-turn key existed name these tokens only by their text.
    private static readonly HashSet<string> EndTexts =
    [
        "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|endoftext|>", "<|end_of_text|>", "<|end|>", "<|return|>", "<|call|>", "<|calls|>",
        "<|flush|>", "<end_of_turn>", "<turn|>", "<end_of_utterance>", "</s>", "<eos>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]", "[e~[",
        "<\uFF5Cend\u2581of\u2581sentence\uFF5C>",
    ];

    /// <summary>
    /// The tokens after which a model has nothing more to say: those the file names as end of text, turn or message, and control tokens
    /// known by their text. Where <c>&lt;|return|&gt;</c> and <c>&lt;|call|&gt;</c> exist (OpenAI's harmony format; elsewhere
    /// <c>&lt;|flush|&gt;</c> and <c>&lt;|calls|&gt;</c>), <c>&lt;|end|&gt;</c> only ends one of several messages and is left out, unless
    /// the file names it.
    /// </summary>
    public HashSet<int> EndOfGeneration(Vocabulary vocabulary)
    {
        HashSet<int> ids = [];
        HashSet<string> texts = [];
        for (int id = 0; id < vocabulary.Tokens.Length; id++)
        {
            if (vocabulary.Types[id] != TokenType.Control || !EndTexts.Contains(vocabulary.Tokens[id]))
                continue;
            ids.Add(id);
            texts.Add(vocabulary.Tokens[id]);
        }
        bool calls = texts.Contains("<|call|>") || texts.Contains("<|calls|>");
        if (calls && (texts.Contains("<|return|>") || texts.Contains("<|flush|>")))
            ids.RemoveWhere(id => vocabulary.Tokens[id] == "<|end|>");

        foreach (int? id in new[] { Eos, Eot, Eom })
        {
            if (id is int named)
                ids.Add(named);
        }
        return ids;
    }
}
