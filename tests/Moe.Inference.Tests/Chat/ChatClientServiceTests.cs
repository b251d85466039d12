using System.Collections.Concurrent;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using Moe.Inference.Sampling;
using Moe.Inference.Tests.EndToEnd;
using Moe.Inference.Tests.Gguf;

namespace Moe.Inference.Tests.Chat;

/// <summary>Chat clients out of containers, alone and below Semantic Kernel.</summary>
public sealed class ChatClientServiceTests
{
    private static readonly ContextOptions Small = new() { Threads = 1, ContextLength = 256 };
    private static readonly GenerationOptions Defaults = new() { MaxTokens = 12, Sampling = SamplingOptions.Greedy };

    [Fact]
    public async Task A_container_makes_one_client_and_disposes_all_of_it()
    {
        ServiceCollection services = new();
        services.AddMoeChatClient(TestModels.Shipped, context: Small, defaults: Defaults).Should().BeSameAs(services);
        ServiceProvider provider = services.BuildServiceProvider();
        IChatClient client = provider.GetRequiredService<IChatClient>();
        provider.GetRequiredService<IChatClient>().Should().BeSameAs(client);
        ChatResponse response = await client.GetResponseAsync("Tell me a story about a cat.");
        response.Usage!.OutputTokenCount.Should().Be(12);
        Session session = client.GetService<Session>()!;
        session.Context.ContextLength.Should().Be(256);

        await provider.DisposeAsync();
        FluentActions.Invoking(() => session.Context.CreateSession()).Should().Throw<ObjectDisposedException>();
        FluentActions.Invoking(() => session.Context.Model.CreateContext()).Should().Throw<ObjectDisposedException>();
        FluentActions.Invoking(() => session.Evaluate([1])).Should().Throw<ObjectDisposedException>();
    }

    [Fact]
    public async Task A_container_may_go_while_a_call_runs()
    {
        ServiceProvider provider = new ServiceCollection().AddMoeChatClient(TestModels.Shipped, context: Small).BuildServiceProvider();
        IChatClient client = provider.GetRequiredService<IChatClient>();
        Func<Task> reading = async () =>
        {
            await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync("Tell me a story about a cat."))
                await provider.DisposeAsync();
        };
        await reading.Should().ThrowAsync<ObjectDisposedException>();
    }

    [Fact]
    public void Nothing_is_loaded_before_a_client_is_asked_for()
    {
        using ServiceProvider provider = new ServiceCollection().AddMoeChatClient("no-such-model.gguf").BuildServiceProvider();
        provider.Invoking(it => it.GetRequiredService<IChatClient>()).Should().Throw<FileNotFoundException>();
    }

    [SkippableFact]
    public void What_was_loaded_is_given_back_when_a_later_step_fails()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "mapped files are listed in /proc");
        using TemporaryFolder folder = new();
        string path = folder["copy.gguf"];
        File.Copy(TestModels.Shipped, path);
        using (Model.Load(path))
            File.ReadAllText("/proc/self/maps").Should().Contain(path);
        using ServiceProvider provider = new ServiceCollection()
            .AddMoeChatClient(path, context: Small, defaults: new GenerationOptions { MaxTokens = 0 }).BuildServiceProvider();
        provider.Invoking(it => it.GetRequiredService<IChatClient>()).Should().Throw<ArgumentOutOfRangeException>();
        File.ReadAllText("/proc/self/maps").Should().NotContain(path);
    }

    [Fact]
    public void Logs_go_where_the_container_logs()
    {
        using Lines lines = new();
        using ServiceProvider provider = new ServiceCollection()
            .AddSingleton<ILoggerFactory>(lines).AddMoeChatClient(TestModels.Shipped, context: Small).BuildServiceProvider();
        provider.GetRequiredService<IChatClient>();
        lines.All.Should().Contain(line => line.Contains("loaded Tiny Stories MoE"));
    }

    [Fact]
    public async Task Semantic_Kernel_prompts_it_at_once_as_a_stream_and_as_a_chat_service()
    {
        IKernelBuilder builder = Kernel.CreateBuilder();
        builder.Services.AddMoeChatClient(TestModels.Shipped, context: Small);
        Kernel kernel = builder.Build();
        using IChatClient client = kernel.GetRequiredService<IChatClient>();
        ChatResponse expected = await client.GetResponseAsync("Tell me a story about a dog.", new ChatOptions { Temperature = 0, MaxOutputTokens = 20, FrequencyPenalty = 1 });

        PromptExecutionSettings settings = new()
        {
            ExtensionData = new Dictionary<string, object> { ["temperature"] = 0, ["max_tokens"] = 20, ["frequency_penalty"] = 1, ["repetition_penalty"] = 1.0 },
        };
        const string Prompt = "Tell me a story about a {{$animal}}.";
        KernelArguments arguments = new(settings) { ["animal"] = "dog" };
        FunctionResult result = await kernel.InvokePromptAsync(Prompt, arguments);
        result.ToString().Should().Be(expected.Text);
        result.GetValue<ChatResponse>()!.Usage!.OutputTokenCount.Should().Be(20);

        string streamed = "";
        await foreach (StreamingKernelContent part in kernel.InvokePromptStreamingAsync(Prompt, arguments))
            streamed += part;
        streamed.Should().Be(expected.Text);

        ChatHistory history = [new ChatMessageContent(AuthorRole.User, "Tell me a story about a dog.")];
        ChatMessageContent answer = await client.AsChatCompletionService().GetChatMessageContentAsync(history, settings);
        answer.Content.Should().Be(expected.Text);
        answer.Metadata!["Usage"].Should().BeOfType<UsageDetails>().Which.CachedInputTokenCount.Should().BePositive();
    }

    /// <summary>Keeps what is logged.</summary>
    private sealed class Lines : ILoggerFactory, ILogger
    {
        public ConcurrentQueue<string> All { get; } = [];

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            All.Enqueue(formatter(state, exception));

        public void Dispose()
        {
        }
    }
}
