using Moe.Inference.Gguf;

namespace Moe.Inference.Tokenization;

/// <summary>
/// Reads the keys <c>tokenizer.ggml.*</c> of a GGUF file (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md) and checks that they
/// fit together.
/// </summary>
internal static class VocabularyReader
{
    public const string TokensKey = Prefix + "tokens";
    public const string MergesKey = Prefix + "merges";
    private const string Prefix = "tokenizer.ggml.";
    private const string ScoresKey = Prefix + "scores";
    private const string TypesKey = Prefix + "token_type";

    public static Vocabulary Read(GgufMetadata metadata)
    {
        string model = metadata.GetString(Prefix + "model");
        if (model is not (Tokenizer.BytePairModel or Tokenizer.SentencePieceModel))
        {
            throw new UnsupportedModelException(
                $"The tokenizer model '{model}' is not known; known are '{Tokenizer.BytePairModel}' and '{Tokenizer.SentencePieceModel}'.");
        }
        string[] tokens = metadata.GetStrings(TokensKey);
        if (tokens.Length == 0)
            throw metadata.Invalid(TokensKey, "is empty");

        bool sentencePiece = model == Tokenizer.SentencePieceModel;
        return new Vocabulary
        {
            Model = model,
            PreTokenizer = metadata.GetString(Prefix + "pre", null),
            Tokens = tokens,
            Types = ReadTypes(metadata, tokens.Length),
            Scores = sentencePiece ? ReadScores(metadata, tokens.Length) : [],
            Merges = sentencePiece ? [] : metadata.GetStrings(MergesKey),
            Special = ReadSpecial(metadata, tokens.Length, sentencePiece),
            AddBos = ReadFlag(metadata, "add_bos_token"),
            AddEos = ReadFlag(metadata, "add_eos_token"),
            AddSpacePrefix = ReadFlag(metadata, "add_space_prefix"),
            RemoveExtraWhitespace = ReadFlag(metadata, "remove_extra_whitespaces") ?? false,
            Invalid = metadata.Invalid,
        };
    }

    private static TokenType[] ReadTypes(GgufMetadata metadata, int count)
    {
        TokenType[] types = new TokenType[count];
        if (!metadata.ContainsKey(TypesKey))
        {
            Array.Fill(types, TokenType.Normal);
            return types;
        }
        int[] values = metadata.GetInt32s(TypesKey);
        CheckLength(metadata, TypesKey, values.Length, count);
        for (int id = 0; id < count; id++)
        {
            if ((uint)values[id] > (uint)TokenType.Byte)
                throw metadata.Invalid(TypesKey, $"gives token {id} the type {values[id]}; types are 0 to {(int)TokenType.Byte}");
            types[id] = (TokenType)values[id];
        }
        return types;
    }

    private static float[] ReadScores(GgufMetadata metadata, int count)
    {
        float[] scores = metadata.GetSingles(ScoresKey);
        CheckLength(metadata, ScoresKey, scores.Length, count);
        int bad = Array.FindIndex(scores, float.IsNaN);
        return bad < 0 ? scores : throw metadata.Invalid(ScoresKey, $"gives token {bad} a score that is not a number");
    }

    private static void CheckLength(GgufMetadata metadata, string key, int length, int count)
    {
        if (length != count)
            throw metadata.Invalid(key, $"has {length} elements for {count} tokens");
    }

    // SentencePiece models that name no ids have them where the trainer puts them by default; for BPE there is no such rule.
    private static SpecialTokens ReadSpecial(GgufMetadata metadata, int count, bool sentencePiece) => new()
    {
        Bos = ReadId(metadata, "bos_token_id", count) ?? (sentencePiece && count > 2 ? 1 : null),
        Eos = ReadId(metadata, "eos_token_id", count) ?? (sentencePiece && count > 2 ? 2 : null),
        Unknown = ReadId(metadata, "unknown_token_id", count) ?? (sentencePiece ? 0 : null),
        Eot = ReadId(metadata, "eot_token_id", count),
        Eom = ReadId(metadata, "eom_token_id", count),
        Padding = ReadId(metadata, "padding_token_id", count),
        Separator = ReadId(metadata, "seperator_token_id", count) ?? ReadId(metadata, "separator_token_id", count),
        Mask = ReadId(metadata, "mask_token_id", count),
    };

    private static int? ReadId(GgufMetadata metadata, string name, int count)
    {
        string key = Prefix + name;
        if (!metadata.ContainsKey(key))
            return null;
        long id = metadata.GetInt64(key);
        // Some converters write "none" as -1 in an unsigned field.
        if (id is -1 or uint.MaxValue)
            return null;
        return id >= 0 && id < count ? (int)id : throw metadata.Invalid(key, $"is {id}, but the vocabulary has ids 0 to {count - 1}");
    }

    private static bool? ReadFlag(GgufMetadata metadata, string name) =>
        metadata.ContainsKey(Prefix + name) ? metadata.GetBoolean(Prefix + name) : null;
}
