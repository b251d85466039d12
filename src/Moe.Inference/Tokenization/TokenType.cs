namespace Moe.Inference.Tokenization;

/// <summary>What a vocabulary entry is for: the values of <c>tokenizer.ggml.token_type</c> in a GGUF file.</summary>
public enum TokenType
{
    /// <summary>Not stated by the file; treated as <see cref="Normal"/>.</summary>
    Undefined = 0,

    /// <summary>A piece of ordinary text.</summary>
    Normal = 1,

    /// <summary>Stands for text that the vocabulary cannot represent.</summary>
    Unknown = 2,

    /// <summary>Steers the model (begin of text, end of turn); not made from text, nor shown in it, unless asked for.</summary>
    Control = 3,

    /// <summary>An added token: its text always becomes this one token.</summary>
    UserDefined = 4,

    /// <summary>A reserved entry that the model was not trained with.</summary>
    Unused = 5,

    /// <summary>One raw byte, written <c>&lt;0xNN&gt;</c>.</summary>
    Byte = 6,
}
