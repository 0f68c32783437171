import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.security.Key;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/** Connects once for each line "PORT CA PKCS12...", with the key manager of the first argument. */
public class Connect {
    private static final char[] PASSWORD = "changeit".toCharArray();

    public static void main(String[] arguments) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = lines.readLine()) != null; ) {
            String said;
            try {
                connect(arguments[0], line.split(" "));
                said = "ok";
            } catch (Exception error) {
                said = error.toString().replace('\n', ' ');
            }
            System.out.println(said);
        }
    }

    private static void connect(String manager, String[] words) throws Exception {
        KeyManagerFactory keys = KeyManagerFactory.getInstance(manager);
        keys.init(keyStore(words), PASSWORD);
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(trustStore(words[1]));
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
        int port = Integer.parseInt(words[0]);
        try (SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket("127.0.0.1", port)) {
            socket.setSoTimeout(10000);
            socket.startHandshake();
            socket.getInputStream().read();
        }
    }

    private static KeyStore keyStore(String[] words) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        for (int at = 2; at < words.length; at++) {
            KeyStore one = KeyStore.getInstance("PKCS12");
            try (InputStream file = new FileInputStream(words[at])) {
                one.load(file, PASSWORD);
            }
            String alias = one.aliases().nextElement();
            Key key = one.getKey(alias, PASSWORD);
            store.setKeyEntry("c" + (at - 2), key, PASSWORD, one.getCertificateChain(alias));
        }
        return store;
    }

    private static KeyStore trustStore(String path) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        try (InputStream file = new FileInputStream(path)) {
            Certificate ca = CertificateFactory.getInstance("X.509").generateCertificate(file);
            store.setCertificateEntry("ca", ca);
        }
        return store;
    }
}
