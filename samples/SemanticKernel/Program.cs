// A model in Semantic Kernel: a prompt with a variable, answered at once and as a stream, then a conversation with memory of its beginning.
// Usage: SemanticKernel [model.gguf]     (the small model of this repository, which knows children's stories, if none is named)
using Microsoft.Extensions.AI;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using Moe.Inference;

string path = args.Length > 0 ? args[0] : ShippedModel();
IKernelBuilder builder = Kernel.CreateBuilder();
builder.Services.AddMoeChatClient(path, context: new ContextOptions { ContextLength = 2048 });
Kernel kernel = builder.Build();

// Greedy, so that every run tells the same story; more options of the sampler go the same way, by their names.
PromptExecutionSettings settings = new() { ExtensionData = new Dictionary<string, object> { ["temperature"] = 0, ["max_tokens"] = 120, ["repetition_penalty"] = 1.05 } };
const string Prompt = "Tell me a story about a {{$animal}}.";

Console.WriteLine("-- InvokePromptAsync, animal = cat");
FunctionResult result = await kernel.InvokePromptAsync(Prompt, new KernelArguments(settings) { ["animal"] = "cat" });
Console.WriteLine(result);
Print(result.GetValue<ChatResponse>()?.Usage);

Console.WriteLine("-- InvokePromptStreamingAsync, animal = dog");
await foreach (StreamingKernelContent part in kernel.InvokePromptStreamingAsync(Prompt, new KernelArguments(settings) { ["animal"] = "dog" }))
    Console.Write(part);
Console.WriteLine();

// The same client behind Semantic Kernel's own interface. The second question repeats the first and its answer, which are not computed again.
Console.WriteLine("-- IChatCompletionService, two turns");
IChatClient client = kernel.GetRequiredService<IChatClient>();
IChatCompletionService chat = client.AsChatCompletionService();
ChatHistory history = [];
foreach (string question in (string[])["Tell me a story about a bird.", "Tell me another one."])
{
    history.AddUserMessage(question);
    ChatMessageContent answer = await chat.GetChatMessageContentAsync(history, settings);
    history.Add(answer);
    Console.WriteLine($"{question}\n{answer}");
    Print(answer.Metadata?["Usage"] as UsageDetails);
}

// A kernel does not dispose its services; the client gives the model's memory back.
client.Dispose();

static void Print(UsageDetails? usage) =>
    Console.WriteLine($"   [{usage?.InputTokenCount} tokens in, {usage?.CachedInputTokenCount} of them reused, {usage?.OutputTokenCount} out]");

static string ShippedModel()
{
    const string Name = "samples/models/tiny-stories-moe-Q4_K_M.gguf";
    for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
    {
        if (Path.Combine(folder.FullName, Name) is var found && File.Exists(found))
            return found;
    }

    throw new FileNotFoundException($"'{Name}' is not above the program; name a model as the first argument");
}
