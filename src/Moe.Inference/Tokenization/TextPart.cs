namespace Moe.Inference.Tokenization;

/// <summary>A part of a text to encode.</summary>
/// <param name="Text">The characters.</param>
/// <param name="ParseSpecial">Whether the texts of control tokens in it become those tokens; leave it off for text from users.</param>
public readonly record struct TextPart(string Text, bool ParseSpecial);
