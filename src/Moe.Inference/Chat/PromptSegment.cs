namespace Moe.Inference.Chat;

/// <summary>A part of a rendered prompt, with where it comes from.</summary>
/// <param name="Text">The characters; never empty.</param>
/// <param name="FromTemplate">
/// True for the template's own text, in which control tokens (<c>&lt;|im_end|&gt;</c>) are meant;
/// false for what came in with the messages, the tools or the variables, in which they are only characters.
/// </param>
/// <remarks>
/// Segments say where a control token may be recognized: wholly within one that is the template's. They are not units of tokenization:
/// the ordinary text between two control tokens is to be encoded as one piece, across the ends of segments, as the model was trained on.
/// </remarks>
public readonly record struct PromptSegment(string Text, bool FromTemplate);
